### The history.

history-title = History
history-file = Download (CSV)
history-kind = Type
history-all = Everything
history-bought = Bought
history-sold = Sold
history-noted = Notes
history-awarded = Badges
history-symbol = Symbol
history-show = Show
history-none = Nothing here yet.
history-you-bought = Bought { $shares } { $symbol }
history-you-sold = Sold { $shares } { $symbol }
history-you-noted = Wrote a note about a trade
history-you-began = Started to play
history-you-were-awarded = New badges: { $names }
history-you-transferred = Brought { $shares } { $symbol } from the earlier game
history-at = at { $price }
history-cash = cash after: { $cash }
history-older = Older
history-archived = These older entries come from the archive, so they take a moment longer.
history-none-here = No matching entries here. There may be older ones.
