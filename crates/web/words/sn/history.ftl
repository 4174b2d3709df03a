### DRAFT in chiShona, not yet reviewed by a native speaker. Do not rely on it before that review.
### The history.

history-title = Nhoroondo
history-file = Sefaira (CSV)
history-kind = Chii
history-all = Zvese
history-bought = Zvakatengwa
history-sold = Zvakatengeswa
history-noted = Zvinyorwa
history-awarded = Mabheji
history-symbol = Chiratidzo
history-show = Ratidza
history-none = Hapana chiripo parizvino.
history-you-bought = Watenga { $shares } { $symbol }
history-you-sold = Watengesa { $shares } { $symbol }
history-you-noted = Wanyora chinyorwa pamusoro pekutengeserana
history-you-began = Watanga kutamba
history-you-were-awarded = Mabheji matsva: { $names }
history-you-transferred = Wauya ne { $shares } { $symbol } kubva mumutambo wekare
history-at = pa { $price }
history-cash = mari yasara { $cash }
history-older = Zvekare
history-archived = Izvi zvinyorwa zvekare zvinobva mudura. Zvinotora nguva shoma yakawedzera.
history-none-here = Hapana pano. Zvingave pakati pezvekare.
