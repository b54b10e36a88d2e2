//! What a script gets wrong, or the stack, is told with its place; nothing of it passes.

use sockeye_drill::{Drill, Failure, Family};

const SERVER: &str = "\
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 10>
+.1 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 1000) = 1000
+0 > P. 1:1001(1000) ack 1
";

fn run(script: &str) -> Result<Vec<String>, Failure> {
    Drill::read(script)?.run(Family::V4)
}

/// The server's script with one word replaced fails at this line with these words.
fn fails(from: &str, to: &str, line: u32, words: &[&str]) {
    assert!(SERVER.contains(from), "{from}");
    let script = SERVER.replacen(from, to, 1);
    let failure = run(&script).expect_err(to);
    let text = failure.show("f.pkt", &script);
    assert_eq!(failure.place.line, line, "{text}");
    assert!(text.starts_with(&format!("f.pkt:{line}:")), "{text}");
    for word in words {
        assert!(text.contains(word), "no `{word}` in {text}");
    }
}

#[test]
fn the_script_itself_passes() {
    assert_eq!(run(SERVER), Ok(Vec::new()));
}

#[test]
fn another_packet_is_shown_beside_the_expected_one() {
    let seen = "> P. 1:1001(1000) ack 1";
    fails(
        "> P. 1:1001(1000) ack 1",
        "> P. 2:1002(1000) ack 1",
        9,
        &[seen, "sequence number is 1, not 2"],
    );
    fails(
        "> P. 1:1001(1000) ack 1",
        "> P. 1:1001(1000) ack 9",
        9,
        &["acknowledgment is 1, not 9"],
    );
    fails(
        "> P. 1:1001(1000) ack 1",
        "> F. 1:1001(1000) ack 1",
        9,
        &["flags is 0x18, not 0x11"],
    );
    fails(
        "> P. 1:1001(1000) ack 1",
        "> P. 1:2001(2000) ack 1",
        9,
        &["length is 1000, not 2000"],
    );
    fails(
        "> P. 1:1001(1000) ack 1",
        "> P. 1:1001(1000) ack 1 win 1",
        9,
        &["the window is", "not 1"],
    );
    fails(
        "> P. 1:1001(1000) ack 1",
        "> [ce] P. 1:1001(1000) ack 1",
        9,
        &["ECN bits"],
    );
    fails(
        "nop,nop,sackOK,nop,wscale 10>\n+.1",
        "sackOK,nop,wscale 10>\n+.1",
        5,
        &["<mss 1460,nop,nop,sackOK,nop,wscale 10>"],
    );
}

#[test]
fn a_packet_at_another_time_is_no_pass() {
    fails(
        "+0 > P.",
        "+.5 > P.",
        9,
        &["too early", "0.600000 s", "0.100000 s"],
    );
    fails("+0 > P.", "+.1~+.2 > P.", 9, &["too early", "between"]);
}

#[test]
fn a_packet_that_never_comes_is_told() {
    let script = format!("{SERVER}+.1 < . 1:1(0) ack 1001 win 257\n+0 > . 1001:1001(0) ack 1\n");
    let failure = run(&script).expect_err("nothing is to be sent");
    assert_eq!(
        (failure.place.line, failure.what.as_str()),
        (11, "no packet was sent")
    );
}

#[test]
fn another_answer_of_a_call_is_told() {
    fails(
        "1000) = 1000",
        "1000) = 999",
        8,
        &["expected  999", "seen      1000"],
    );
    fails(
        "1000) = 1000",
        "1000) = -1 EPIPE (Broken pipe)",
        8,
        &["-1 EPIPE"],
    );
    fails("listen(3, 1) = 0", "listen(9, 1) = 0", 3, &["-1 EBADF"]);
    fails(
        "accept(3, ..., ...) = 4",
        "...0.3 accept(3, ..., ...) = 4",
        7,
        &["in time"],
    );
    fails(
        "+.1 < . 1:1(0) ack 1 win 257\n",
        "",
        6,
        &["has not returned"],
    );
}

#[test]
fn what_is_not_understood_names_line_and_word() {
    fails("listen(3, 1)", "listens(3, 1)", 3, &["`listens`"]);
    fails("SOCK_STREAM", "SOCK_STREEM", 1, &["`SOCK_STREEM`"]);
    fails("sackOK", "sackNO", 4, &["`sackNO`"]);
    fails("> P.", "> X.", 9, &["`X`"]);
    fails("0 socket", "--bogus=1\n0 socket", 1, &["`--bogus`"]);
    fails("0 socket", "`reboot`\n0 socket", 1, &["`reboot`"]);
    fails(
        "0 socket",
        "`sysctl -q net.ipv4.tcp_nothing=1`\n0 socket",
        1,
        &["`net.ipv4.tcp_nothing`"],
    );
    fails(
        "= 1000\n",
        "= 1000\n+0 %{ assert tcpi_nothing }%\n",
        9,
        &["`tcpi_nothing`"],
    );
    fails("ack 1 win 257", "ack one win 257", 6, &["`one`"]);
    fails("1000) = 1000", "1000) = -1 EBOGUS (x)", 8, &["`EBOGUS`"]);
    fails(
        "+0 bind(3, ..., ...)",
        "+0 setsockopt(3, SOL_SOCKET, SO_LINGER, {on=1, linger=2}, 8) = 0\n+0 bind(3, ..., ...)",
        2,
        &["`on`"],
    );
    fails("1:1(0)", "1:5(0)", 6, &["1:5 is 4 bytes long"]);
    fails(
        "nop,nop,nop,wscale 7> \n".trim_end(),
        "nop,nop,wscale 7>",
        4,
        &["four bytes"],
    );
}

#[test]
fn what_would_exhaust_memory_or_stack_is_refused() {
    let deep = "[".repeat(100_000);
    fails(
        "bind(3, ..., ...)",
        &format!("bind(3, {deep}"),
        2,
        &["nested too deeply"],
    );
    let deep = "(".repeat(100_000);
    let assertion = format!("= 1000\n+0 %{{ assert {deep} }}%\n");
    fails("= 1000\n", &assertion, 9, &["nested too deeply"]);
    let assertion = format!("= 1000\n+0 %{{ assert {} 1 }}%\n", "not ".repeat(100_000));
    fails("= 1000\n", &assertion, 9, &["nested too deeply"]);
    let assertion = format!("= 1000\n+0 %{{ assert {} 1 }}%\n", "1 + ".repeat(100_000));
    fails("= 1000\n", &assertion, 9, &["too long"]);
    let long = "AF_INET|".repeat(100_000);
    fails("bind(3, ", &format!("bind({long}3, "), 2, &["too long"]);
    fails(
        "write(4, ..., 1000)",
        "write(4, ..., 9000000000)",
        8,
        &["no length"],
    );
    fails(
        "1:1(0) ack 1 win 257",
        "1:4294967295(4294967294) ack 1 win 257",
        6,
        &["so long"],
    );
}

#[test]
fn an_assertion_that_does_not_hold_is_told_with_its_values() {
    let assertion = "= 1000\n+0 %{ assert tcpi_snd_cwnd == 3, 'window' }%\n";
    fails("= 1000\n", assertion, 9, &["tcpi_snd_cwnd = 10", "window"]);
}

#[test]
fn a_name_stands_for_what_its_caller_says() {
    let script = SERVER.replace("write(4, ..., 1000) = 1000", "write(4, ..., MUCH) = MUCH");
    let defined = Drill::read_with(&script, &["define=MUCH=1000".to_owned()]);
    assert_eq!(
        defined.and_then(|drill| drill.run(Family::V4)),
        Ok(Vec::new())
    );
    let failure = run(&script).expect_err("nothing is defined");
    assert!(failure.what.contains("`MUCH`"), "{}", failure.what);
    let failure = Drill::read_with(&script, &["define=MUCH".to_owned()]).expect_err("no meaning");
    assert!(failure.what.contains("`MUCH`"), "{}", failure.what);
}

#[test]
fn a_counter_that_stands_still_is_told() {
    let counted = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n\
                   +0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n\
                   +0 < . 1:1(0) ack 1 win 1000\n+0 > R 1:1(0)\n";
    let grown = "+0 `nstat | grep TcpOutRsts > /dev/null`\n";
    assert_eq!(run(&format!("{counted}{grown}")), Ok(Vec::new()));
    let failure =
        run(&format!("{counted}+0 `nstat > /dev/null`\n{grown}")).expect_err("none since");
    assert_eq!(
        (failure.place.line, failure.what.as_str()),
        (7, "`TcpOutRsts` was not counted")
    );
    let failure = run(&format!(
        "{counted}{}",
        grown.replace("OutRsts", "OutRests")
    ));
    let failure = failure.expect_err("no such counter");
    assert!(failure.what.contains("`TcpOutRests`"), "{}", failure.what);
}

#[test]
fn a_timestamp_of_another_clock_is_told() {
    let script = |tick: u32| {
        format!(
            "--tcp_ts_tick_usecs={tick}\n\
             0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n\
             +0 listen(3, 1) = 0\n\
             +0 < S 0:0(0) win 1000 <mss 1000,sackOK,TS val 1 ecr 0>\n\
             +0 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 100 ecr 1>\n\
             +.1 < . 1:1(0) ack 1 win 257 <nop,nop,TS val 2 ecr 100>\n\
             +0 accept(3, ..., ...) = 4\n+0 write(4, ..., 100) = 100\n\
             +0 > P. 1:101(100) ack 1 <nop,nop,TS val 200 ecr 2>\n"
        )
    };
    assert_eq!(run(&script(1000)), Ok(Vec::new()));
    assert_eq!(run(&script(0)), Ok(Vec::new()));
    let failure = run(&script(10_000)).expect_err("the tick is a millisecond");
    assert_eq!(failure.place.line, 10);
}

#[test]
fn a_counter_that_grew_by_another_number_fails() {
    let counted =
        |by| format!("{SERVER}+0 `nstat | grep TcpExtTCPOrigDataSent | grep -q \" {by} \"`\n");
    assert_eq!(run(&counted(1)), Ok(Vec::new()));
    let failure = run(&counted(2)).expect_err("one segment was sent");
    assert_eq!(failure.place.line, 10);
    assert!(
        failure.what.contains("did not grow by 2"),
        "{}",
        failure.what
    );
}

#[test]
fn a_buffer_that_is_nowhere_is_no_data() {
    fails(
        "write(4, ..., 1000)",
        "write(4, NULL, 1000)",
        8,
        &["EFAULT"],
    );
}

#[test]
fn code_goes_on_behind_a_backslash() {
    let script = format!(
        "{SERVER}+0 %{{ assert tcpi_unacked == 1, tcpi_unacked; \\\n assert tcpi_lost == 1 }}%\n"
    );
    let failure = run(&script).expect_err("nothing is lost");
    assert_eq!(failure.place.line, 11);
}

#[test]
fn a_percentage_of_the_time_is_tolerated_if_asked_for() {
    // It comes 1.2 seconds after the one before.
    let again = "* > P. 1:1001(1000) ack 1\n".repeat(3);
    let late = |setting| {
        run(&format!(
            "{setting}{SERVER}{again}+1.19 > P. 1:1001(1000) ack 1\n"
        ))
    };
    let failure = late("").expect_err("ten milliseconds off");
    assert_eq!(failure.what, "no packet was sent");
    assert_eq!(late("--tolerance_percent=1\n"), Ok(Vec::new()));
    let failure = late("--tolerance_percent=101\n").expect_err("more than all of it");
    assert!(failure.what.contains("101"), "{}", failure.what);
}

#[test]
fn what_a_socket_left_behind_sends_is_not_looked_at() {
    let closed = "+0 close(4) = 0\n";
    let another = "+0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 5\n\
                   +0 connect(5, ..., ...) = -1 EINPROGRESS (Operation now in progress)\n\
                   +0 > S 0:0(0) <...>\n";
    assert_eq!(run(&format!("{SERVER}{closed}{another}")), Ok(Vec::new()));
    // What the script stays with is.
    let failure = run(&format!(
        "{SERVER}{closed}+.1 < . 1:1(0) ack 1001 win 257\n+0 > . 1001:1001(0) ack 1\n"
    ));
    let failure = failure.expect_err("a FIN was sent");
    assert_eq!(
        (failure.place.line, failure.what.as_str()),
        (12, "another packet was sent")
    );
}
