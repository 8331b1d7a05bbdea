use super::*;

const KIB: usize = 1024;

struct Scene {
    folder: tempfile::TempDir,
    spool: Spool,
}

impl Scene {
    fn new(above_bytes: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = Limits {
            spool_above_bytes: above_bytes,
            ..Limits::default()
        };
        let spool = Spool::open(folder.path(), &limits).expect("a spool");
        Self { folder, spool }
    }

    /// Brings a file in parts of so many bytes.
    async fn bring(&self, bytes: &[u8], part: usize) -> Result<Brought, Refusal> {
        let mut coming = self.spool.begin(self.spool.single(), None).await?;
        for part in bytes.chunks(part) {
            coming.push(part).await?;
        }
        coming.finish().await
    }

    /// Kibibytes of memory and disk that are free.
    fn free(&self) -> (usize, usize) {
        let room = &self.spool.single;
        (
            room.memory.available_permits(),
            room.disk.available_permits(),
        )
    }
}

/// All bytes of a file that was brought.
fn all(brought: &Brought) -> Vec<u8> {
    match brought.content() {
        Content::Memory(bytes) => bytes.to_vec(),
        Content::Spooled(file) => file.first_bytes(usize::MAX).expect("reads"),
    }
}

#[tokio::test]
async fn small_files_stay_in_memory_and_larger_ones_do_not() {
    let scene = Scene::new(10 * KIB);
    let before = scene.free();
    for size in [0, 1, 10 * KIB, 10 * KIB + 1, 3 * KIB * KIB] {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        for part in [KIB, 100 * KIB] {
            let brought = scene.bring(&bytes, part).await.expect("fits");
            let is_spooled = matches!(brought.content(), Content::Spooled(_));
            assert_eq!(is_spooled, size > 10 * KIB, "{size}");
            let sm3 = hex::encode(certs::digest::sm3(&bytes));
            assert_eq!(brought.sm3(), sm3);
            for _ in 0..2 {
                assert!(all(&brought) == bytes, "{size}");
            }
            let (memory, disk) = scene.free();
            let held = (before.0 - memory, before.1 - disk);
            let expected = if is_spooled {
                (0, size.div_ceil(KIB * KIB) * KIB)
            } else {
                (size.div_ceil(KIB), 0)
            };
            assert_eq!(held, expected, "{size}");
            drop(brought);
            assert_eq!(scene.free(), before, "everything is given back");
        }
    }
}

#[tokio::test]
async fn a_spooled_file_has_no_name_and_what_is_left_goes_at_the_start() {
    let scene = Scene::new(KIB);
    let folder = scene.folder.path().join(FOLDER);
    let names = || fs::read_dir(&folder).expect("a folder").count();
    let brought = scene.bring(&[7; 100 * KIB], KIB).await.expect("fits");
    assert!(matches!(brought.content(), Content::Spooled(_)));
    assert_eq!(names(), 0, "a kill leaves nothing behind");
    // A file system without nameless files leaves what a kill interrupted.
    fs::write(folder.join(".tmpAbCdEf"), b"half a licence").expect("written");
    let again = Spool::open(scene.folder.path(), &Limits::default());
    again.expect("a spool");
    assert_eq!(names(), 0, "nothing is left");
    assert_eq!(all(&brought).len(), 100 * KIB);
}

#[tokio::test]
async fn a_file_is_refused_as_soon_as_it_is_larger_than_its_kind_may_be() {
    let scene = Scene::new(KIB);
    let before = scene.free();
    let ofd = [b"PK\x03\x04".as_slice(), &[0; 2 * KIB]].concat();
    let pdf = [b"%PDF-1.7\n".as_slice(), &[0; 2 * KIB]].concat();
    let neither = [0; 2 * KIB];
    let most = ofd::limits::PACKED_BYTES;
    let code_of = async |head: &[u8], announced: usize| {
        let room = scene.spool.single();
        let coming = scene.spool.begin(room, Some(announced)).await;
        let pushed = match coming {
            Ok(mut coming) => coming.push(head).await,
            Err(refusal) => Err(refusal),
        };
        match pushed {
            Ok(()) => None,
            Err(Refusal::FileTooLarge { kind, bytes_max }) => Some((kind, bytes_max)),
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(code_of(&ofd, most).await, None);
    let too_large = Some((FileKind::Ofd, most));
    assert_eq!(code_of(&ofd, most + 1).await, too_large);
    assert_eq!(
        code_of(&ofd[..4], most + 1).await,
        too_large,
        "four bytes do"
    );
    assert_eq!(code_of(&pdf, most + 1).await, None, "a PDF may be larger");
    let too_large = Some((FileKind::Unknown, most));
    assert_eq!(code_of(&neither, most + 1).await, too_large);
    assert_eq!(code_of(&neither[..4], most + 1).await, None, "still open");
    let most = pdf::limits::FILE_BYTES;
    assert_eq!(code_of(&pdf, most).await, None);
    assert_eq!(code_of(b"", most + 1).await, Some((FileKind::Pdf, most)));
    assert_eq!(scene.free(), before, "everything is given back");
}

#[tokio::test]
async fn a_file_of_unknown_size_is_refused_while_it_comes() {
    let scene = Scene::new(KIB);
    let mut coming = scene
        .spool
        .begin(scene.spool.batch(), None)
        .await
        .expect("room");
    let part = [&b"PK\x03\x04"[..], &[0; KIB * KIB]].concat();
    let mut pushed = 0;
    let refusal = loop {
        match coming.push(&part).await {
            Ok(()) => pushed += part.len(),
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal.code(), "TOO_LARGE");
    let most = ofd::limits::PACKED_BYTES;
    assert!(pushed <= most && pushed + part.len() > most, "{pushed}");
}

#[tokio::test]
async fn who_finds_no_room_is_told_to_come_back() {
    let scene = Scene::new(KIB * KIB);
    let begin = async |bytes| scene.spool.begin(scene.spool.single(), Some(bytes)).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(
            begin(pdf::limits::FILE_BYTES)
                .await
                .expect("ten of the largest"),
        );
    }
    let refused = begin(pdf::limits::FILE_BYTES).await.err().expect("no room");
    assert_eq!(refused.code(), "OVERLOADED");
    assert!(begin(KIB).await.is_ok(), "small files need no disk");
    held.clear();
    begin(pdf::limits::FILE_BYTES)
        .await
        .map(drop)
        .expect("room again");
}
