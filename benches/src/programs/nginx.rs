//! nginx with one worker, wrk with 50 keep-alive connections, a page of 612 bytes. Counted in requests a second.

use anyhow::{Context, Result};

use super::{Loopback, Workload};
use crate::row::{Outcome, Plan};

const WORKLOAD: Workload = Workload {
    programs: &["nginx", "wrk", "curl"],
    script: r#"
PATH="$PATH:/usr/sbin:/sbin"
head -c 612 /dev/zero | tr '\0' x >"$DIR/index.html"
chmod 644 "$DIR/index.html"
cat >"$DIR/nginx.conf" <<END
daemon off;
worker_processes 1;
pid $DIR/pid;
error_log $DIR/error.log;
events { worker_connections 512; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path $DIR/body;
    proxy_temp_path $DIR/proxy;
    fastcgi_temp_path $DIR/fastcgi;
    uwsgi_temp_path $DIR/uwsgi;
    scgi_temp_path $DIR/scgi;
    server { listen 127.0.0.1:$PORT; root $DIR; }
}
END
[ "$(id -u)" != 0 ] || echo 'user root;' >>"$DIR/nginx.conf"
nginx -e "$DIR/error.log" -p "$DIR" -c "$DIR/nginx.conf" &
server=$!
tries=0
until curl -sfo /dev/null "http://127.0.0.1:$PORT/"; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { cat "$DIR/error.log" >&2; exit 1; }
    sleep 0.05
done
wrk -t 1 -c 50 -d "$SECONDS_OF_BURST" "http://127.0.0.1:$PORT/"
answer=$?
kill $server
wait $server
exit $answer
"#,
    count: 0,
    figure: requests_per_second,
};

pub(crate) fn measure(plan: &Plan, loopback: Loopback) -> Result<Outcome> {
    WORKLOAD.measure(plan, loopback)
}

fn requests_per_second(output: &str) -> Result<f64> {
    if let Some(errors) = output.lines().find(|line| {
        let line = line.trim_start();
        line.starts_with("Non-2xx") || line.starts_with("Socket errors")
    }) {
        anyhow::bail!("wrk saw errors: {}", errors.trim());
    }
    let rate = output
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"))
        .context("no Requests/sec")?;
    Ok(rate.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::requests_per_second;

    #[test]
    fn a_run_with_errors_is_no_figure() {
        let good = "  2 requests in 1s\nRequests/sec:  86612.50\nTransfer/sec:  1MB\n";
        assert!((requests_per_second(good).unwrap() - 86_612.5).abs() < 1e-6);
        let bad = "  Socket errors: connect 0, read 3, write 0, timeout 0\nRequests/sec: 10.0\n";
        assert!(requests_per_second(bad).is_err());
    }
}
