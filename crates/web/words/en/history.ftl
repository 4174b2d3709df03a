### The history.

history-title = History
history-file = As a file (CSV)
history-kind = What
history-all = Everything
history-bought = Bought
history-sold = Sold
history-noted = Notes
history-symbol = Symbol
history-show = Show
history-none = Nothing here yet.
history-you-bought = Bought { $shares } { $symbol }
history-you-sold = Sold { $shares } { $symbol }
history-you-noted = Wrote a note about a trade
history-you-began = Began to play
history-at = at { $price }
history-cash = cash then { $cash }
history-older = Older
history-archived = These are old entries from the archive. They take a moment longer.
history-none-here = Nothing of it here. It may be among older entries.
