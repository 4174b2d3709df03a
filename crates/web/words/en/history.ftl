### What a player did.
