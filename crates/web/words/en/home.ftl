### The home of a player.
