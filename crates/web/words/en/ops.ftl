### The page of the operators.
