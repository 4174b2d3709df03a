### DRAFT in isiNdebele, not yet reviewed by a native speaker. Do not rely on it before that review.
### The portfolio.

portfolio-title = Amasheya ami
portfolio-empty = Awukabi lamasheya.
portfolio-price = Intengo
portfolio-spread = Ukwehlukaniswa kwawo
portfolio-checkup = Ukuhlolwa
portfolio-good = Kuhle:
portfolio-look = Khangela lokhu:
portfolio-few =
    { $n ->
        [one] Ulamasheya enkampani eyodwa kuphela. Nxa ingenzi kuhle, konke kuyehla.
       *[other] Ulamasheya ezinkampani ezingu-{ $n } kuphela. Ezintathu loba ngaphezulu zehlisa ingozi.
    }
portfolio-many = Ulamasheya ezinkampani ezingu-{ $n }.
portfolio-one-much = { $share } yemali yakho yonke iku-{ $name }. Kunengi enkampanini eyodwa.
portfolio-one-fine = Inkampani yakho enkulu, { $name }, ile-{ $share } yemali yakho.
portfolio-kind-much = { $share } yamasheya akho ngawohlobo olulodwa lwebhizimusi: { $name }. Avame ukukhuphuka lokwehla ndawonye.
portfolio-kind-fine = Uhlobo lwebhizimusi olukhulu, { $name }, lule-{ $share } yamasheya akho.
portfolio-cash-much = { $share } yemali yakho ilindile.
portfolio-cash-fine = { $share } yemali yakho kayikho emasheyeni.
portfolio-thumb = Lezi yizindlela zokufunda, hatshi iseluleko.
portfolio-benchmark = Umugqa oqhekekileyo yi-indeksi { $name }: lokho imali efanayo ebizakuba yikho lapho.
