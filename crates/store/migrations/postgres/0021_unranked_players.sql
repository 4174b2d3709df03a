-- Players that no leaderboard lists: those of load runs on a server where people play. A row is
-- written with its player and stays. The same as in ../sqlite.

CREATE TABLE unranked_players (
    player_id BIGINT NOT NULL PRIMARY KEY
);
