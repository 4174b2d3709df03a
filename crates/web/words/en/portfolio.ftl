### What a player has.
