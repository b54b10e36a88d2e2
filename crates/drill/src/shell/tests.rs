use super::*;
use crate::system::Queue;

fn read(text: &str) -> Outcome<Vec<Command>> {
    commands(text, Place { line: 3, column: 1 })
}

fn set(name: &str, value: &str) -> Command {
    Command::Set(name.to_owned(), value.to_owned())
}

#[test]
fn settings_are_read_in_each_of_their_forms() {
    let text = "sysctl -q net.ipv4.tcp_rmem=\"4096 $((2*1024)) 6\" net.ipv4.tcp_sack=0\n\
        ../common/set_sysctls.py /proc/sys/net/ipv4/tcp_sack=1 # no\n\
        echo 2 > /proc/sys/net/ipv4/tcp_syncookies; ethtool -K tun0 tso off";
    assert_eq!(
        read(text),
        Ok(vec![
            set("net.ipv4.tcp_rmem", "4096 2048 6"),
            set("net.ipv4.tcp_sack", "0"),
            set("net.ipv4.tcp_sack", "1"),
            set("net.ipv4.tcp_syncookies", "2"),
            Command::Segmentation(false),
        ])
    );
    assert_eq!(
        read("../common/defaults.sh").map(|c| c.len()),
        Ok(DEFAULTS.len() + 1)
    );
}

#[test]
fn defaults_from_further_up_let_every_listener_take_fast_open() {
    let fast_open = set("net.ipv4.tcp_fastopen", "0x70403");
    let has = |text: &str| read(text).map(|commands| commands.contains(&fast_open));
    assert_eq!(has("../../../common/defaults.sh"), Ok(true));
    assert_eq!(has("../common/defaults.sh"), Ok(false));
    assert_eq!(has("./defaults.sh"), Ok(false));
}

#[test]
fn a_line_that_ends_with_a_backslash_goes_on() {
    let text = "set_sysctls.py /proc/sys/net/ipv4/tcp_sack=1 \\\n  /proc/sys/net/ipv4/tcp_dsack=0";
    let both = vec![
        set("net.ipv4.tcp_sack", "1"),
        set("net.ipv4.tcp_dsack", "0"),
    ];
    assert_eq!(read(text), Ok(both));
    let failure = read(&format!("{text}\nmv x")).expect_err("the last line is no command known");
    assert_eq!(failure.place.line, 5);
}

#[test]
fn nstat_is_asked_in_few_ways() {
    let grown = |by, restarts| {
        let name = "TcpExtBeyondWindow".to_owned();
        Some(vec![Command::Grown { name, by, restarts }])
    };
    let read = |text: &str| read(text).ok();
    assert_eq!(read("nstat -n"), Some(vec![Command::Counters]));
    assert_eq!(read("nstat | grep TcpExtBeyondWindow"), grown(None, true));
    let asked = read("nstat | grep TcpExtBeyondWindow | grep -q \" 3 \"");
    assert_eq!(asked, grown(Some(3), true));
    let asked = read("nstat -s | grep TcpExtBeyondWindow| grep -q \" 3 \"");
    assert_eq!(asked, grown(Some(3), false));
    for other in [
        "nstat -x",
        "nstat -n | grep A",
        "nstat | grep A | grep B",
        "nstat | grep A | grep 1 | grep 1",
    ] {
        assert_eq!(read(other), None, "{other}");
    }
}

#[test]
fn any_other_command_is_an_error_with_its_place() {
    let failure = read("true\n  rm -rf x").expect_err("no shell");
    assert_eq!(failure.place, Place { line: 4, column: 3 });
    assert!(failure.what.contains("`rm -rf x`"));
}

#[test]
fn the_machine_around_the_stack_is_changed_as_its_tools_do() {
    let change = |change| Some(vec![Command::Change(change)]);
    let file = |content| Change::File {
        path: "/tmp/x".to_owned(),
        content,
    };
    let read = |text: &str| read(text).ok();
    assert_eq!(read("/bin/rm -f /tmp/x"), change(file(None)));
    assert_eq!(
        read("dd bs=2 count=3 if=/dev/zero of=/tmp/x status=none"),
        change(file(Some(vec![0; 6])))
    );
    for (text, queue) in [
        ("tc qdisc replace dev tun0 root fq", Queue::Fair),
        (
            "tc qdisc add dev tun0 root pfifo limit 0",
            Queue::Limited(0),
        ),
        ("tc qdisc delete dev tun0 root 2>/dev/null", Queue::Default),
    ] {
        assert_eq!(read(text), change(Change::Queue(queue)), "{text}");
    }
    for other in [
        "rm -rf /tmp/x",
        "dd count=3 if=/dev/urandom of=/tmp/x",
        "tc qdisc add dev tun0 root netem",
        "ip link set tun0 down",
        "grep . /proc/net/tcp",
        "grep a",
    ] {
        assert_eq!(read(other), None, "{other}");
    }
}

#[test]
fn a_route_says_what_its_path_is_like() {
    let text =
        "ip route add 192.0.2.1 via 192.168.0.2 dev tun0 advmss 600 mtu lock 640 initcwnd 11";
    let commands = read(text);
    let Ok([Command::Change(Change::Route(route))]) = commands.as_deref() else {
        panic!("a route");
    };
    assert_eq!(route.destination, ("192.0.2.1".parse().unwrap(), 32));
    let metrics = route.metrics;
    assert_eq!((metrics.mtu, metrics.is_mtu_locked), (Some(640), true));
    assert_eq!(
        (metrics.advertised_mss, metrics.initial_window),
        (Some(600), Some(11))
    );
}

#[test]
fn the_second_of_two_commands_is_for_machines_without_the_first_setting() {
    let read = |text: &str| read(text).ok();
    assert_eq!(
        read("sysctl -q net.x.y=1 &> /dev/null ||\\\n  sysctl net.x.z=2"),
        Some(vec![Command::Either(
            vec![set("net.x.y", "1")],
            vec![set("net.x.z", "2")]
        )])
    );
    assert_eq!(read("nstat || true"), None);
    let lenient = Command::SetIfKnown("net.x.y".to_owned(), "1".to_owned());
    assert_eq!(read("sysctl -e -q net/x/y=1"), Some(vec![lenient]));
}

#[test]
fn tables_are_searched_for_lines_with_every_word() {
    let asked = read("grep -q \" 0A \" /proc/net/tcp /proc/net/tcp6 | grep -v 1F90");
    let listed = Command::Listed {
        files: vec!["/proc/net/tcp".to_owned(), "/proc/net/tcp6".to_owned()],
        patterns: vec![(false, " 0A ".to_owned()), (true, "1F90".to_owned())],
    };
    assert_eq!(asked, Ok(vec![listed]));
}
