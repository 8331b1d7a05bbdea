//! The commands as a shell sees them: closed pipes, missing folders, what a lone node leaves.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

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
    let refused = run(&mut serve(folder.path(), "national", "national"));
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stderr.contains("make it"), "{}", refused.stderr);

    std::fs::create_dir_all(folder.path().join("data/trust")).unwrap();
    let said = said_until(
        &mut serve(folder.path(), "national", "national"),
        "listen.address",
    );
    assert!(!said.contains("not known"), "{said}");
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
fn a_province_that_knows_no_nation_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("data/trust")).unwrap();
    let mut province = serve(folder.path(), "zhejiang", "province");
    said_until(&mut province, "the national node is not known");
}

/// The program as a node of this name and role, with nothing in its settings that need not be.
fn serve(folder: &Path, name: &str, role: &str) -> Command {
    let settings = format!(
        "listen = \"127.0.0.1:0\"\n[node]\nname = \"{name}\"\nrole = \"{role}\"\n\
         national = \"national\"\n"
    );
    std::fs::write(folder.join("hub.toml"), settings).unwrap();
    let mut command = hub();
    command
        .args(["serve", "--config", "hub.toml"])
        .current_dir(folder);
    command
}

/// What a node says before and with `word`, after which it is stopped.
fn said_until(node: &mut Command, word: &str) -> String {
    let mut node = node.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(node.stderr.take().unwrap()).lines();
    let mut said = String::new();
    for line in lines {
        said.push_str(&line.unwrap());
        if said.contains(word) {
            stop(&mut node);
            return said;
        }
    }
    panic!("{:?} without {word}: {said}", node.wait());
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
    let terminated = run(Command::new("kill").arg(node.id().to_string()));
    assert_eq!(terminated.code, Some(0), "{terminated:?}");
    assert!(node.wait().unwrap().success());
}

#[track_caller]
fn assert_empty(folder: &Path) {
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
