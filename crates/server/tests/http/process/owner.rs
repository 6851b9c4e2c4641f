//! One process owns a data folder (ST-23), and its files are its user's alone (ST-34).

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use crate::{
    people::Key,
    server::{TestServer, refused},
    time,
};

#[test]
fn st_23_a_second_process_is_refused_and_told_of_the_first() {
    let server = TestServer::start();
    let cookie = server.cookie(&server.person("alice"));
    let said = refused(&mut server.command());
    assert!(
        said.contains(&format!("process {}", server.pid().as_raw_nonzero())),
        "it names the first: {said}"
    );
    assert!(said.contains(&server.address().to_string()), "and where it listens: {said}");
    assert!(said.contains("in use"), "{said}");
    assert!(server.opens(&Key::Cookie(cookie)), "and the first does not notice");
}

#[test]
fn st_23_the_lock_goes_with_its_process_however_that_dies() {
    let mut server = TestServer::start();
    for _ in 0..3 {
        server.kill();
        server.up();
    }
}

#[test]
fn km_06_of_several_that_start_at_once_on_nothing_one_makes_the_keys() {
    let mut server = TestServer::start();
    let usual = server.get("/.well-known/jwks.json").send().json()["keys"].as_array().unwrap().len();
    for _ in 0..5 {
        server.stop();
        std::fs::remove_dir_all(server.data()).unwrap();
        let mut all: Vec<_> =
            (0..3).map(|_| server.command().stderr(Stdio::null()).spawn().unwrap()).collect();
        let began = time::now();
        while all.len() > 1 {
            all.retain_mut(|child| {
                child.try_wait().unwrap().inspect(|end| assert_eq!(end.code(), Some(1))).is_none()
            });
            assert!(began.elapsed().as_secs() < 60, "all go on");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let Some(mut last) = all.pop() else { panic!("none of them started") };
        // It may still be making them: whoever is next finds them or makes them, but never a second set.
        last.kill().unwrap();
        last.wait().unwrap();
        server.up();
        let set = server.get("/.well-known/jwks.json").send().json();
        assert_eq!(set["keys"].as_array().unwrap().len(), usual, "{set}");
        let token = server.stateless(&server.person("alice"));
        assert!(server.opens(&Key::Bearer(token)));
    }
}

#[test]
fn st_34_km_05_files_are_the_owners_alone() {
    let mut server = TestServer::start();
    server.cookie(&server.person("alice"));
    let data = server.data();
    let mode = |path: &std::path::Path| path.symlink_metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let mut names = Vec::new();
    for file in std::fs::read_dir(&data).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    for name in ["symbolon.db", "symbolon.db-wal", "master.key"] {
        assert!(names.iter().any(|found| found == name), "{name}: {names:?}");
    }
    server.stop();
    // A key that others may read, is a link, is cut short or is another installation's: refused, and no new one is made silently.
    let key = data.join("master.key");
    let good = std::fs::read(&key).unwrap();
    let replaced = |bytes: &[u8], mode: u32| {
        let _ = std::fs::remove_file(&key);
        std::fs::write(&key, bytes).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    replaced(&good, 0o644);
    let said = refused(&mut server.command());
    assert!(said.contains("master.key"), "{said}");
    replaced(&good[..good.len() / 2], 0o600);
    refused(&mut server.command());
    replaced(b"", 0o600);
    refused(&mut server.command());
    let other = TestServer::start();
    replaced(&std::fs::read(other.data().join("master.key")).unwrap(), 0o600);
    let said = refused(&mut server.command());
    assert!(said.contains("master key"), "{said}");
    let elsewhere = data.join("elsewhere.key");
    std::fs::write(&elsewhere, &good).unwrap();
    std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::remove_file(&key).unwrap();
    symlink(&elsewhere, &key).unwrap();
    refused(&mut server.command());
    std::fs::remove_file(&key).unwrap();
    let said = refused(&mut server.command());
    assert!(said.contains("master.key"), "{said}");
    assert!(!key.exists(), "no new key for an old store");
    replaced(&good, 0o600);
    server.up();
    // Foreign files in the folder are nobody's business.
    std::fs::write(data.join("notes.txt"), "x").unwrap();
    server.restart();
}
