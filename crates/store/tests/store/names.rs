//! Unique names: ownership, release, and concurrent registration.

use domain::text::name_keys;
use store::*;

use crate::support::*;

on_both_engines!(
    a_confusable_name_is_taken,
    a_name_is_released_by_a_change_and_by_an_erasure,
    a_pseudonym_is_taken_like_a_name,
    one_of_two_concurrent_requests_gets_the_name,
    names_without_keys_stay_and_get_keys,
);

/// Registers a player with a name and an address of any spelling.
async fn register(store: &Store, name: &str, number: u8) -> Result<Registered, NameConflict> {
    let email = format!("n{number}@example.com");
    let user = NewUser { name, email: &email, email_key: &email, password_hash: "x" };
    let later = now().plus_seconds(1000);
    let token = NewToken {
        hash: [number; 32],
        name: "t",
        kind: TokenKind::Api,
        idle_expires_at: later,
        expires_at: later,
    };
    store.register(&user, &token, rules(), now()).await.expect("answers")
}

async fn a_confusable_name_is_taken(engine: &str) {
    let store = fresh(engine).await;
    register(&store, "Tariro", 1).await.expect("free");
    register(&store, "Zo\u{eb}", 2).await.expect("free");
    for (name, number) in
        [("TARIRO", 3), ("\u{422}\u{430}rir\u{43e}", 4), ("Zoe\u{308}", 5), ("Tarlro", 6)]
    {
        assert_eq!(register(&store, name, number).await, Err(NameConflict::Name), "{name}");
        let known = store.find_credentials(&format!("n{number}@example.com")).await;
        assert!(known.expect("answers").is_none(), "nothing is left of {name}");
    }
    register(&store, "Zoe", 7).await.expect("free");
    assert_eq!(register(&store, "Other", 7).await, Err(NameConflict::Email));
    let names = ["tariro", "Tariro 2", "zoe", "Zo\u{eb} 9"].map(str::to_owned).to_vec();
    let free = store.free_names(names).await.expect("answers");
    assert_eq!(free, ["Tariro 2", "Zo\u{eb} 9"]);
    assert_eq!(store.free_names(Vec::new()).await.expect("answers"), [""; 0]);
}

async fn a_name_is_released_by_a_change_and_by_an_erasure(engine: &str) {
    let store = fresh(engine).await;
    let ada = register(&store, "Ada", 1).await.expect("free");
    let eve = register(&store, "Eve", 2).await.expect("free");
    let rename = async |of: Registered, name: &str| {
        store.change_name(of.user_id, name, now()).await.expect("answers")
    };
    assert!(!rename(eve, "ADA").await);
    assert!(rename(ada, "ada").await, "one's own name in another spelling");
    assert!(rename(ada, "ada").await, "the same name");
    assert!(rename(ada, "Bea").await);
    assert!(rename(eve, "Ada").await);
    assert!(!rename(ada, "Ada").await);
    let account = store.load_account(ada.user_id).await.expect("account");
    assert_eq!(account.name, "Bea", "a rejected change writes nothing");
    assert!(store.erase_user(eve.user_id, now()).await.expect("erases"));
    register(&store, "Ada", 3).await.expect("free again");
}

async fn a_pseudonym_is_taken_like_a_name(engine: &str) {
    let store = fresh(engine).await;
    let ada = register(&store, "Ada", 1).await.expect("free");
    let eve = register(&store, "Eve", 2).await.expect("free");
    let appear = async |of: Registered, pseudonym: &str| {
        let pseudonym = Some(pseudonym.to_owned());
        let appearance = Appearance { shows: NameVisibility::Pseudonym, pseudonym };
        store.save_appearance(of.player_id, &appearance).await.expect("answers")
    };
    assert!(!appear(ada, "EVE").await);
    assert!(appear(ada, "Fox").await && appear(ada, "Fox").await);
    assert!(!appear(eve, "fox").await);
    assert_eq!(register(&store, "F\u{43e}x", 3).await, Err(NameConflict::Name));
    assert!(appear(ada, "Owl").await);
    assert!(appear(eve, "fox").await);
    let nothing = Appearance { shows: NameVisibility::Name, pseudonym: None };
    assert!(store.save_appearance(eve.player_id, &nothing).await.expect("saves"));
    register(&store, "Fox", 4).await.expect("free again");
}

async fn one_of_two_concurrent_requests_gets_the_name(engine: &str) {
    let store = fresh(engine).await;
    for round in 0..8_u8 {
        let names = [format!("Name{round}"), format!("NAME{round}")];
        let number = 10 + round * 2;
        let (one, other) = tokio::join!(
            register(&store, &names[0], number),
            register(&store, &names[1], number + 1),
        );
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        assert!(one == Err(NameConflict::Name) || other == Err(NameConflict::Name));
    }
}

async fn names_without_keys_stay_and_get_keys(engine: &str) {
    let store = fresh(engine).await;
    let common = NewPlayerDefaults {
        password_hash: "-",
        token_name: "t",
        token_expires_at: now(),
        is_ranked: true,
    };
    // Written without keys, as by an earlier version.
    let players: Vec<NewPlayer> = ["Kim", "KIM", "Rudo", "K\u{456}m", "Tino"]
        .into_iter()
        .zip(0_u8..)
        .map(|(name, number)| NewPlayer {
            name: name.to_owned(),
            email: format!("old{number}@example.com"),
            token_hash: [100 + number; 32],
        })
        .collect();
    store.register_many(&players, &common, rules(), now()).await.expect("writes");
    let mut steps = 1;
    while !store.take_known_names(2, now()).await.expect("steps") {
        steps += 1;
    }
    assert_eq!(steps, 3);
    for (name, number) in [("kim", 1), ("RUDO", 2), ("Tino", 3)] {
        assert_eq!(register(&store, name, number).await, Err(NameConflict::Name), "{name}");
    }
    register(&store, "Kuda", 4).await.expect("free");
    let first = store.find_credentials("old0@example.com").await.expect("answers");
    let second = store.find_credentials("old1@example.com").await.expect("answers");
    for (known, name) in [(first, "Kim"), (second, "KIM")] {
        let user_id = known.expect("registered").user_id;
        let account = store.load_account(user_id).await.expect("account");
        assert_eq!(account.name, name, "it stays");
        assert!(store.change_name(user_id, name, now()).await.expect("answers"));
    }
    assert!(store.take_known_names(2, now()).await.expect("steps"), "nothing is left to do");
    assert_eq!(name_keys("Kim"), name_keys("KIM"));
}
