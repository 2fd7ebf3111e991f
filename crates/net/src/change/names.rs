//! Watches resolv.conf(5): the file, its folder, and the folder of the file that it links to, as
//! it is replaced by renaming, written in place, or linked elsewhere.

use std::fs::File;
use std::io::{self, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

/// More of the file is not compared.
const MAX_BYTES: u64 = 64 << 10;
/// Room for notices, which are read only to be done with.
const NOTICES: usize = 4096;

#[derive(Debug)]
pub(super) struct NamesWatch {
    path: PathBuf,
    notices: AsyncFd<OwnedFd>,
    content: Vec<u8>,
}

impl NamesWatch {
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        let notices = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        #[expect(
            deprecated,
            reason = "unsound for types that close their descriptor early; an OwnedFd keeps it"
        )]
        let notices = AsyncFd::new(notices)?;
        let watch = Self {
            path: path.to_owned(),
            notices,
            // Read after the watches stand, so that no change falls between.
            content: Vec::new(),
        };
        watch.add_watches()?;
        Ok(Self {
            content: content(path),
            ..watch
        })
    }

    pub(super) async fn changed(&mut self) -> io::Result<()> {
        loop {
            {
                let mut ready = self.notices.readable().await?;
                if ready.try_io(|notices| drain(notices.get_ref())).is_err() {
                    continue;
                }
            }
            self.add_watches()?;
            let now = content(&self.path);
            if now != self.content {
                self.content = now;
                return Ok(());
            }
        }
    }

    /// Adds what is not watched yet; a link may lead elsewhere than it did.
    fn add_watches(&self) -> io::Result<()> {
        let of_folder = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::ONLYDIR;
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        inotify::add_watch(self.notices.get_ref(), folder, of_folder)?;
        if let Ok(target) = std::fs::canonicalize(&self.path) {
            let of_file = WatchFlags::CLOSE_WRITE | WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF;
            self.add_if_there(&target, of_file)?;
            if let Some(folder) = target.parent() {
                self.add_if_there(folder, of_folder)?;
            }
        }
        Ok(())
    }

    fn add_if_there(&self, path: &Path, flags: WatchFlags) -> io::Result<()> {
        match inotify::add_watch(self.notices.get_ref(), path, flags) {
            // It went meanwhile; its folder tells when it is back.
            Ok(_) | Err(Errno::NOENT | Errno::ACCESS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The file's content; nothing where there is none.
fn content(path: &Path) -> Vec<u8> {
    let mut content = Vec::new();
    if let Ok(file) = File::open(path) {
        let _ = file.take(MAX_BYTES).read_to_end(&mut content);
    }
    content
}

/// Reads what has come. An error that says "would block" when nothing had.
fn drain(notices: &OwnedFd) -> io::Result<()> {
    let mut buffer = [MaybeUninit::<u8>::uninit(); NOTICES];
    let (read, _) = rustix::io::read(notices, &mut buffer)?;
    if read.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    async fn notices(watch: &mut NamesWatch) {
        tokio::time::timeout(LIMIT, watch.changed())
            .await
            .expect("the change is noticed")
            .unwrap();
    }

    #[tokio::test]
    async fn name_servers_are_noticed_however_the_file_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        let mut watch = NamesWatch::begin(&path).unwrap();
        std::fs::write(&path, "nameserver 192.0.2.1\n").unwrap();
        notices(&mut watch).await;
        // In place.
        std::fs::write(&path, "nameserver 192.0.2.2\n").unwrap();
        notices(&mut watch).await;
        // By renaming.
        let other = folder.path().join("other");
        std::fs::write(&other, "nameserver 192.0.2.3\n").unwrap();
        std::fs::rename(&other, &path).unwrap();
        notices(&mut watch).await;
        // By a link to elsewhere, and there.
        let run = tempfile::tempdir().unwrap();
        let target = run.path().join("stub-resolv.conf");
        std::fs::write(&target, "nameserver 127.0.0.53\n").unwrap();
        std::fs::remove_file(&path).unwrap();
        notices(&mut watch).await;
        symlink(&target, &path).unwrap();
        notices(&mut watch).await;
        std::fs::write(&target, "nameserver 192.0.2.4\n").unwrap();
        notices(&mut watch).await;
        let next = run.path().join("next");
        std::fs::write(&next, "nameserver 192.0.2.5\n").unwrap();
        std::fs::rename(&next, &target).unwrap();
        notices(&mut watch).await;
        assert_eq!(watch.content, b"nameserver 192.0.2.5\n");
    }

    #[tokio::test]
    async fn the_same_content_written_again_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        std::fs::write(&path, "nameserver 192.0.2.1\n").unwrap();
        let mut watch = NamesWatch::begin(&path).unwrap();
        std::fs::write(&path, "nameserver 192.0.2.1\n").unwrap();
        std::fs::write(folder.path().join("passwd"), "x").unwrap();
        // What comes after it is the first that is told.
        let changing = async {
            std::fs::write(folder.path().join("next"), "nameserver 192.0.2.9\n").unwrap();
            std::fs::rename(folder.path().join("next"), &path).unwrap();
        };
        tokio::join!(notices(&mut watch), changing);
        assert_eq!(watch.content, b"nameserver 192.0.2.9\n");
    }
}
