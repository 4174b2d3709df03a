//! Achievements that are valid, and what unlocks them.

use super::*;

fn achievement(id: i64, kind: AchievementKind, xp: i64) -> Achievement {
    let text = || "x".to_owned();
    Achievement {
        id,
        code: format!("a{id}"),
        kind,
        name: text(),
        description: text(),
        icon: text(),
        xp,
    }
}

#[test]
fn an_achievement_can_lift_the_level_that_unlocks_the_next() {
    let all = Achievements::try_from(vec![
        achievement(1, AchievementKind::LevelReached(2), 5),
        achievement(2, AchievementKind::FirstTrade, 1000),
    ])
    .expect("good");
    let levels = Levels::new(1000, vec![]).expect("good");
    let counts = Counts {
        level: 0,
        trades: 1,
        stocks: 1,
        categories: 1,
        holding_days: 0,
        portfolio_value: Money(0),
        profit: Money(0),
        notes: 0,
    };
    let (mut set, mut xp) = (AchievementSet::default(), 0);
    let limits = UnlockLimits { levels: &levels, starting_cash: Money(1_000), xp_max: i64::MAX };
    let found = all.unlock(&mut set, &mut xp, &limits, counts);
    assert_eq!(found.iter().map(|u| u.achievement_id).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((set.mask(), xp), (0b110, 1005));
    assert!(all.unlock(&mut set, &mut xp, &limits, counts).is_empty());
    let (mut set, mut xp) = (AchievementSet::default(), 4);
    let limits = UnlockLimits { xp_max: 1003, ..limits };
    assert!(all.unlock(&mut set, &mut xp, &limits, counts).is_empty(), "it waits");
    assert_eq!((set.is_empty(), xp), (true, 4));
}

#[test]
fn every_kind_has_a_reached_count_and_a_threshold() {
    use AchievementKind::*;
    let counts = Counts {
        level: 1,
        trades: 2,
        stocks: 3,
        categories: 4,
        holding_days: 5,
        portfolio_value: Money(6),
        profit: Money(7),
        notes: 8,
    };
    for (kind, expected) in [
        (FirstTrade, (2, 1)),
        (TradesCount(10), (2, 10)),
        (DistinctStocks(10), (3, 10)),
        (DistinctCategories(10), (4, 10)),
        (HoldingDays(10), (5, 10)),
        (PortfolioValue(Amount::Fixed(Money(10))), (6, 10)),
        (PortfolioValue(Amount::Share(100_000)), (6, 1_100)),
        (ProfitAmount(Amount::Fixed(Money(10))), (7, 10)),
        (ProfitAmount(Amount::Share(10_000)), (7, 10)),
        (LevelReached(10), (1, 10)),
        (NoteWritten(10), (8, 10)),
    ] {
        let found = (kind.reached(&counts), kind.threshold(Money(1_000)));
        assert_eq!(found, expected, "{kind:?}");
    }
    let lost = Counts { profit: Money(-7), ..counts };
    assert_eq!(ProfitAmount(Amount::Share(1)).reached(&lost), 0);
}

#[test]
fn twins_are_refused() {
    let twin = achievement(1, AchievementKind::FirstTrade, 1);
    assert!(Achievements::try_from(vec![twin.clone(), twin]).is_err());
}
