### DRAFT in isiNdebele, not yet reviewed by a native speaker. Do not rely on it before that review.
### The history.

history-title = Umlando
history-file = Njengefayili (CSV)
history-kind = Kuyini
history-all = Konke
history-bought = Okuthengiweyo
history-sold = Okuthengisiweyo
history-noted = Amanothi
history-awarded = Amabheji
history-symbol = Uphawu
history-show = Tshengisa
history-none = Akulalutho lapha okwamanje.
history-you-bought = Uthenge { $shares } { $symbol }
history-you-sold = Uthengise { $shares } { $symbol }
history-you-noted = Ubhale inothi ngokuthengiselana
history-you-began = Uqalise ukudlala
history-you-were-awarded = Amabheji amatsha: { $names }
history-you-transferred = Ulethe { $shares } { $symbol } uvela emdlalweni wakudala
history-at = nge { $price }
history-cash = imali eseleyo { $cash }
history-older = Okudala
history-archived = Lezi yizinto ezindala ezivela egcinweni. Zithatha isikhathi esengeziweyo.
history-none-here = Akukho lapha. Kungaba phakathi kokudala.
