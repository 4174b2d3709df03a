### The ranking.
