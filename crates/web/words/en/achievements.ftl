### Achievements and levels.
