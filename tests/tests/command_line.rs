//! The commands as a shell sees them: closed pipes, missing folders, what a lone node leaves.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Stdio};

use tests::program::{hub, run};

#[test]
fn a_reader_that_goes_away_ends_the_demo_quietly() {
    let temporary = tempfile::tempdir().unwrap();
    let mut demo = hub()
        .args(["demo", "--exit"])
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut output = BufReader::new(demo.stdout.take().unwrap());
    output.read_line(&mut first).unwrap();
    // As `head -1` does: the next line meets a closed pipe.
    drop(output);
    let mut trouble = String::new();
    let mut stderr = demo.stderr.take().unwrap();
    stderr.read_to_string(&mut trouble).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(141), "{trouble}");
    assert_eq!(trouble, "", "a closed pipe is no trouble");
    assert_empty(temporary.path());
}

#[test]
fn a_demo_that_cannot_start_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let missing = temporary.path().join("missing");
    let refused = run(hub()
        .args(["demo", "--exit", "--source"])
        .arg(&missing)
        .env("TMPDIR", temporary.path()));
    assert_eq!(refused.code, Some(3), "{refused:?}");
    let named = missing.display().to_string();
    assert!(refused.stderr.contains(&named), "{refused:?}");
    assert_empty(temporary.path());
}

#[test]
fn what_the_system_refuses_is_said_once_with_its_reason() {
    let refused = |arguments: &[&str]| {
        let refused = run(hub().args(arguments));
        assert_eq!(refused.code, Some(3), "{refused:?}");
        let times = refused.stderr.matches("(os error 2)").count();
        assert_eq!(times, 1, "{refused:?}");
    };
    refused(&["serve", "--config", "nosuch.toml"]);
    refused(&["mint", "--licences", "1", "--out", "/proc/nosuch"]);
}

#[test]
fn a_lone_node_says_what_it_needs_and_leaves_its_keys_and_its_trail() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "listen = \"127.0.0.1:0\"\n[node]\nname = \"national\"\nrole = \"national\"\n\
                    national = \"national\"\n";
    std::fs::write(folder.path().join("hub.toml"), settings).unwrap();
    let serve = || {
        let mut command = hub();
        command
            .args(["serve", "--config", "hub.toml"])
            .current_dir(folder.path());
        command
    };
    let refused = run(&mut serve());
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stderr.contains("make it"), "{}", refused.stderr);

    std::fs::create_dir_all(folder.path().join("data/trust")).unwrap();
    let mut node = serve().stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(node.stderr.take().unwrap()).lines();
    let is_listening = lines.any(|line| line.unwrap().contains("listen.address"));
    assert!(is_listening, "{:?}", node.wait());
    stop(&mut node);
    assert!(
        folder
            .path()
            .join("data/national/national.node.json")
            .is_file()
    );
    // The folder of all nodes, and the folder of the node.
    for data in ["data", "data/national"] {
        let clean = run(hub()
            .args(["log", "fsck", "--data", data])
            .current_dir(folder.path()));
        assert_eq!(clean.code, Some(0), "{clean:?}");
        assert!(
            clean.stdout.starts_with("hub.national: "),
            "{}",
            clean.stdout
        );
    }
}

#[test]
fn the_settings_of_the_containers_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/compose");
    for name in ["national", "zhejiang", "sichuan"] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
        let config = hub::config::Config::from_text(&text).unwrap();
        assert_eq!(config.node.name, name);
        assert_eq!(config.node.peers.len(), 2);
    }
}

fn stop(node: &mut Child) {
    let terminated = run(std::process::Command::new("kill").arg(node.id().to_string()));
    assert_eq!(terminated.code, Some(0), "{terminated:?}");
    assert!(node.wait().unwrap().success());
}

#[track_caller]
fn assert_empty(folder: &Path) {
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
