### DRAFT in isiNdebele, not yet reviewed by a native speaker. Do not rely on it before that review.
### The operator's pages of users.

people-title = Abantu
people-search = Ibizo kumbe ikheli le-email
people-show = Dinga
people-none = Akulamuntu otholakeleyo.
people-none-here = Akulamuntu otholakeleyo kwabatsha. Kulama-akhawunti amadala.
people-older = Ama-akhawunti amadala
people-operator = umqhubi
people-done = Kwenziwe.
people-account = I-akhawunti
people-number = Inombolo
people-since = Wabhalisa
people-used = Yacina ukusetshenziswa
people-sessions = Amabhrawuza angeneyo
people-tokens = Amathokheni ezinhlelo
people-codes = Ikhodi zokubuyisela eziseleyo
people-trades = Ukuthengiselana
people-link-title = Iphasiwedi ekhohlakeleyo
people-link-text = Isixhumanisi sifaka iphasiwedi entsha kanye, kungakapheli amahola angu-{ $hours }. Esitsha sithatha indawo yaso. Siphe lo muntu kuphela.
people-link-made = Kopisha isixhumanisi khathesi. Kasiyikutshengiswa futhi.
people-link-do = Yenza isixhumanisi
people-sessions-title = Khipha kuzo zonke indawo
people-sessions-text = Wonke amabhrawuza ayakhitshwa, lawo wonke amathokheni ayaphela. Iphasiwedi iyasala.
people-sessions-do = Khipha kuzo zonke indawo
