//! The kernel's counters in the thread's network namespace, which begin at nothing with the namespace.

/// The counter that `nstat` shows under this name.
pub(super) fn get(name: &str) -> Option<u64> {
    // Not `/proc/net`, which is the namespace of the first thread.
    let read = |file| std::fs::read_to_string(format!("/proc/thread-self/net/{file}"));
    ["snmp", "netstat"]
        .into_iter()
        .filter_map(|file| read(file).ok())
        .find_map(|text| in_pairs(&text, name))
        .or_else(|| in_list(&read("snmp6").ok()?, name))
}

/// `Tcp: RtoAlgorithm RtoMin ...`, and below it the values.
fn in_pairs(text: &str, name: &str) -> Option<u64> {
    let lines: Vec<&str> = text.lines().collect();
    lines.chunks_exact(2).find_map(|pair| {
        let [heads, values] = pair else { return None };
        let (group, heads) = heads.split_once(':')?;
        let (_, values) = values.split_once(':')?;
        let wanted = name.strip_prefix(group)?;
        let mut both = heads.split_whitespace().zip(values.split_whitespace());
        both.find(|(head, _)| *head == wanted)?.1.parse().ok()
    })
}

/// `Ip6InReceives 12` on each line.
fn in_list(text: &str, name: &str) -> Option<u64> {
    let mut lines = text
        .lines()
        .filter_map(|line| line.split_once(char::is_whitespace));
    lines.find(|(head, _)| *head == name)?.1.trim().parse().ok()
}
