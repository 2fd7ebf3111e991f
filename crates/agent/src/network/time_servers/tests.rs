use super::*;

/// A host with these files.
fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

fn servers(files: &[(&str, &str)]) -> Vec<String> {
    of_host_below(host(files).path())
}

#[test]
fn chronys_servers_are_those_of_its_file_its_folders_and_dhcp() {
    let found = servers(&[
        ("run/chrony/chronyd.pid", "7"),
        (
            "etc/chrony/chrony.conf",
            "# server no.example\npool pool.example iburst maxsources 4\nserver 192.0.2.1 ! near\n\
             makestep 1 3\nserver other-port.example port 1123\nserver\npool pool.example\n",
        ),
        ("etc/chrony/sources.d/site.sources", "server 2001:db8::1\n"),
        (
            "etc/chrony/sources.d/site.sources.off",
            "server off.example\n",
        ),
        ("run/chrony-dhcp/eth0.sources", "server 192.0.2.9 iburst\n"),
    ]);
    assert_eq!(
        found,
        ["pool.example", "192.0.2.1", "2001:db8::1", "192.0.2.9"]
    );
}

#[test]
fn ntpds_own_clock_is_no_server_and_its_words_for_kinds_of_addresses_are_none() {
    let found = servers(&[
        ("run/ntpd.pid", "7"),
        (
            "etc/ntp.conf",
            "server 127.127.1.0\nserver -4 time.example prefer\npeer 192.0.2.2\nrestrict default\n",
        ),
    ]);
    assert_eq!(found, ["time.example", "192.0.2.2"]);
}

#[test]
fn timesyncds_servers_are_those_of_its_section_and_an_empty_value_takes_them_back() {
    let conf =
        "[Time]\nNTP=a.example  b.example\nFallbackNTP=fallback.example\n[Other]\nNTP=no.example\n";
    let base = [
        ("run/systemd/timesync/synchronized", ""),
        ("etc/systemd/timesyncd.conf", conf),
    ];
    assert_eq!(servers(&base), ["a.example", "b.example"]);
    let mut more = base.to_vec();
    more.push((
        "etc/systemd/timesyncd.conf.d/site.conf",
        "[Time]\nNTP=\nNTP = c.example\n",
    ));
    assert_eq!(servers(&more), ["c.example"]);
}

#[test]
fn a_service_that_does_not_run_says_nothing() {
    let chrony = ("etc/chrony/chrony.conf", "server chrony.example\n");
    assert!(servers(&[chrony]).is_empty());
    let found = servers(&[
        chrony,
        ("run/systemd/timesync/synchronized", ""),
        ("etc/systemd/timesyncd.conf", "[Time]\nNTP=time.example\n"),
    ]);
    assert_eq!(found, ["time.example"]);
}

#[test]
fn what_is_no_file_of_settings_names_no_servers_and_a_flood_of_them_is_cut() {
    let flood: String = (0..10_000)
        .map(|number| format!("server s{number}.example\n"))
        .collect();
    let running = ("run/chrony/chronyd.pid", "");
    let found = servers(&[running, ("etc/chrony.conf", &flood)]);
    assert_eq!(found.len(), MAX_SERVERS);
    for text in [
        "\0\u{1}server",
        "server \u{1b}[0m",
        "server a..b\n",
        "[Time]\nNTP=x\n",
    ] {
        assert!(
            servers(&[running, ("etc/chrony.conf", text)]).is_empty(),
            "{text:?}"
        );
    }
}
