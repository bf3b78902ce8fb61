use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

type Seen = Arc<Mutex<Vec<u32>>>;

fn into(seen: &Seen, broken: &Arc<AtomicBool>) -> Apply<u32> {
    let (seen, broken) = (Arc::clone(seen), Arc::clone(broken));
    Arc::new(move |items| {
        let (seen, broken) = (Arc::clone(&seen), Arc::clone(&broken));
        Box::pin(async move {
            if broken.load(Ordering::SeqCst) {
                return Err(DbError::Backlog);
            }
            seen.lock().unwrap().extend(items.iter());
            Ok(())
        })
    })
}

#[tokio::test]
async fn what_is_put_is_applied_in_order_and_the_journal_emptied() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j/items.jsonl");
    let (seen, broken) = (Seen::default(), Arc::default());
    let behind = Behind::open(&path, Duration::from_secs(60), into(&seen, &broken))
        .await
        .unwrap();
    for item in 0..2000 {
        behind.put(item).unwrap();
    }
    assert!(std::fs::metadata(&path).unwrap().len() > 0);
    behind.flush().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), (0..2000).collect::<Vec<_>>());
    behind.queue(7).unwrap();
    behind.flush().await.unwrap();
    for _ in 0..100 {
        if std::fs::metadata(&path).unwrap().len() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the journal was not emptied");
}

#[tokio::test]
async fn what_a_dead_process_left_is_applied_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("items.jsonl");
    std::fs::write(path.with_extension("old"), "1\n2\n").unwrap();
    std::fs::write(&path, "3\n4\n{half").unwrap();
    let (seen, broken) = (Seen::default(), Arc::default());
    let behind = Behind::open(&path, Duration::ZERO, into(&seen, &broken))
        .await
        .unwrap();
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3, 4]);
    assert!(!path.with_extension("old").exists());
    behind.put(5).unwrap();
    behind.flush().await.unwrap();
    assert_eq!(seen.lock().unwrap().last(), Some(&5));
}

#[tokio::test(start_paused = true)]
async fn what_the_database_does_not_take_is_kept_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("items.jsonl");
    let (seen, broken) = (Seen::default(), Arc::new(AtomicBool::new(true)));
    let behind = Behind::open(&path, Duration::ZERO, into(&seen, &broken))
        .await
        .unwrap();
    behind.put(1).unwrap();
    assert!(behind.flush().await.is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n");
    broken.store(false, Ordering::SeqCst);
    tokio::time::sleep(RETRY * 2).await;
    assert_eq!(*seen.lock().unwrap(), [1]);
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_too_much_waits_is_let_through_once_it_is_less() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("items.jsonl");
    let (seen, broken) = (Seen::default(), Arc::new(AtomicBool::new(true)));
    let behind = Behind::open(&path, Duration::ZERO, into(&seen, &broken))
        .await
        .unwrap();
    behind.room().await.unwrap();
    for item in 0..=u32::try_from(HIGH).unwrap() {
        behind.queue(item).unwrap();
    }
    assert!(behind.room().await.is_err(), "it does not wait for ever");
    broken.store(false, Ordering::SeqCst);
    behind.room().await.unwrap();
}

#[tokio::test]
async fn what_has_happened_is_kept_where_the_journal_has_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("items.jsonl");
    let (seen, broken) = (Seen::default(), Arc::default());
    let behind = Behind::open(&path, Duration::ZERO, into(&seen, &broken))
        .await
        .unwrap();
    let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
    let whole = std::mem::replace(&mut behind.0.lock().file, full);
    assert!(behind.put(1).unwrap_err().is_full());
    behind.keep(2).unwrap();
    behind.flush().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [2]);
    behind.0.lock().file = whole;
    behind.keep(3).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "3\n");
}

#[tokio::test]
async fn a_journal_that_cannot_be_continued_in_a_new_file_goes_on_in_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("items.jsonl");
    let (seen, broken) = (Seen::default(), Arc::default());
    let behind = Behind::open(&path, Duration::ZERO, into(&seen, &broken))
        .await
        .unwrap();
    std::fs::create_dir(path.with_extension("new")).unwrap();
    behind.0.lock().size = SEGMENT + 1;
    behind.put(1).unwrap();
    behind.flush().await.unwrap();
    behind.put(2).unwrap();
    behind.flush().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [1, 2]);
    assert!(path.exists() && !segment(&path).exists());
}
