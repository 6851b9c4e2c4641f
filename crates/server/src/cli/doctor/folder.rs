//! The data folder and what is in it: whose, open to whom, on what disk.

use std::{
    fs::Metadata,
    io::ErrorKind,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use super::report::Report;
use crate::{admin_socket, cli::node};

/// Ours besides the database.
const FILES: [&str; 5] = ["symbolon.db-wal", "symbolon.db-shm", "symbolon.lock", "master.key", "admin.sock"];
/// File systems over a network, by statfs(2): locks and the write-ahead log are not reliable there.
const NETWORK: [(u64, &str); 6] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x00c3_6400, "Ceph"),
    (0x0102_1997, "9p"),
];
const MIB: u64 = 1024 * 1024;

/// Looks at folder and files; `embedded`: the rows are among them. `false`: there is no installation to look into.
pub(super) fn check(report: &mut Report, data: &Path, embedded: bool) -> bool {
    let shown = data.display();
    let about = match std::fs::metadata(data) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            report.warn(
                "data folder",
                format!("{shown} does not exist yet"),
                "the first start makes it; or name the right one with --data",
            );
            return false;
        }
        Err(error) => {
            report.fail(
                "data folder",
                format!("{shown} cannot be looked at: {error}"),
                "run this as the server's user",
            );
            return false;
        }
        Ok(about) if !about.is_dir() => {
            report.fail("data folder", format!("{shown} is not a folder"), "name another with server.data");
            return false;
        }
        Ok(about) => about,
    };
    owner_and_mode(report, data, &about);
    disk(report, data);
    let database = data.join(symbolon::store::sqlite::SqliteStore::FILE);
    // Of an installation in a database only its own checks tell.
    let there = !embedded || node::exists(data);
    if embedded && there {
        file(report, &database, &about);
    } else if embedded {
        report.warn(
            "store",
            format!("{shown} holds no installation yet"),
            "the first start makes one; or name the right folder with --data",
        );
    }
    for name in FILES {
        file(report, &data.join(name), &about);
    }
    let socket = admin_socket::path(data);
    if socket.parent() != std::fs::canonicalize(data).ok().as_deref() {
        report.ok(
            "admin socket",
            format!("the folder's path is too long for a socket, so it is at {}", socket.display()),
        );
    }
    there
}

fn owner_and_mode(report: &mut Report, data: &Path, about: &Metadata) {
    let (shown, mode, me) = (data.display(), about.mode() & 0o7777, rustix::process::geteuid().as_raw());
    if about.uid() != me {
        report.warn(
            "data folder",
            format!("{shown} belongs to user id {}, and you are {me}", about.uid()),
            "run this as the server's own user, to see what it sees",
        );
    }
    if mode & 0o002 != 0 {
        report.fail(
            "data folder",
            format!("anybody may write to {shown} (mode {mode:04o})"),
            format!("chmod 700 {shown}"),
        );
    } else if mode & 0o077 != 0 {
        report.warn(
            "data folder",
            format!("others may look into {shown} (mode {mode:04o})"),
            format!("chmod 700 {shown}, unless its group is meant to"),
        );
    } else {
        report.ok("data folder", format!("{shown}, closed to others (mode {mode:04o})"));
    }
}

/// One of our files, when it is there.
fn file(report: &mut Report, path: &Path, folder: &Metadata) {
    let shown = path.display();
    let Ok(about) = std::fs::symlink_metadata(path) else { return };
    let name = "files";
    if about.is_symlink() {
        return report.fail(
            name,
            format!("{shown} is a symbolic link"),
            "put the file itself there: the server refuses links",
        );
    }
    if !about.is_file() && !about.file_type().is_socket() {
        return report.fail(name, format!("{shown} is not a file"), "move it away");
    }
    if about.uid() != folder.uid() {
        let text = format!("{shown} belongs to user id {}, the folder to {}", about.uid(), folder.uid());
        return report.fail(name, text, format!("chown {} {shown}", folder.uid()));
    }
    let mode = about.mode() & 0o7777;
    if mode & 0o077 != 0 {
        let text = format!("{shown} is open to others (mode {mode:04o})");
        return report.fail(name, text, format!("chmod 600 {shown}, and consider what is in it known"));
    }
    report.ok(name, format!("{shown} (mode {mode:04o})"));
}

fn disk(report: &mut Report, data: &Path) {
    if let Ok(about) = rustix::fs::statfs(data) {
        let kind = u64::try_from(about.f_type).unwrap_or_default() & 0xffff_ffff;
        if let Some((_, name)) = NETWORK.iter().find(|(magic, _)| *magic == kind) {
            report.fail(
                "disk",
                format!("{} is on a network file system ({name}): two machines could open the store, and damage it", data.display()),
                "move the data folder to a disk of this machine",
            );
        }
    }
    let Ok(about) = rustix::fs::statvfs(data) else { return };
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    let percent = about.f_bavail.saturating_mul(100).checked_div(about.f_blocks).unwrap_or(100);
    let text = format!("{} MiB are free, {percent} % of the disk", free / MIB);
    match free / MIB {
        0..100 => report.fail("disk", text, "make room: without it nobody can log in"),
        100..1024 => {
            report.warn("disk", text, "make room: the store grows with users, sessions and the audit");
        }
        _ if percent < 5 => {
            report.warn("disk", text, "make room: the store grows with users, sessions and the audit");
        }
        _ => report.ok("disk", text),
    }
}
