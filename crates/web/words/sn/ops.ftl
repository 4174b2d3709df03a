### DRAFT in chiShona, not yet read by a native speaker: it needs one before anybody relies on it.
### The page of the operators.
