### One stock.
