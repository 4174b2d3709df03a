### The list of stocks.
