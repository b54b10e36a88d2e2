use super::{Variables, parse, run};
use crate::failure::Place;

fn check(text: &str) -> Result<Vec<String>, String> {
    let names = |name: &str| match name {
        "tcpi_snd_cwnd" => Some(10),
        "tcpi_options" => Some(7),
        "TCP_CLOSE" => Some(7),
        _ => None,
    };
    let place = Place { line: 1, column: 1 };
    parse(text, place)
        .and_then(|program| run(&program, &names, &mut Variables::new()))
        .map_err(|failure| failure.show("f", ""))
}

#[test]
fn true_assertions_pass() {
    for text in [
        "assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd",
        "assert 5 < tcpi_snd_cwnd <= 10 and not tcpi_options & 8 != 0",
        "assert (tcpi_options & 0x4) != 0; assert 7 // 2 == 3\nassert -7 // 2 == -4",
        "assert 7 / 2 == 3.5 and abs(-2) == 2 and max(1, 3, 2) == 3",
        "x = tcpi_snd_cwnd * 2\nassert x == 20 or False",
        "x = 1; x += 2; assert x == 3; x *= 2; assert x == 6",
        "assert (tcpi_snd_cwnd ==\n 10)  # across lines",
    ] {
        assert_eq!(check(text), Ok(Vec::new()), "{text}");
    }
}

#[test]
fn a_false_assertion_tells_the_values() {
    let error = check("assert tcpi_snd_cwnd == 11, 'window'").expect_err("10 is not 11");
    assert!(error.contains("tcpi_snd_cwnd = 10"), "{error}");
    assert!(error.contains("window"), "{error}");
}

#[test]
fn print_prints() {
    assert_eq!(
        check("print('cwnd', tcpi_snd_cwnd)"),
        Ok(vec!["cwnd 10".to_owned()])
    );
}

#[test]
fn what_is_not_understood_is_no_pass() {
    for (text, word) in [
        ("assert tcpi_bogus == 1", "tcpi_bogus"),
        ("import os", "import"),
        ("assert exec('x')", "exec"),
        ("assert 1 if 2 else 3", "if"),
        ("assert 1 ==", "end of the code"),
        ("assert $", "$"),
        ("assert 1 // 0", "//"),
        ("assert tcpi_snd_cwnd.x", "."),
    ] {
        let error = check(text).expect_err(text);
        assert!(error.contains(word), "{error}");
    }
}
