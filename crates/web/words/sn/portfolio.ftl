### DRAFT in chiShona, not yet reviewed by a native speaker. Do not rely on it before that review.
### The portfolio.

portfolio-title = Migove yangu
portfolio-empty = Hausati wava nemigove.
portfolio-price = Mutengo
portfolio-spread = Kupatsanurwa kwayo
portfolio-checkup = Ongororo
portfolio-good = Zvakanaka:
portfolio-look = Tarisa ichi:
portfolio-few =
    { $n ->
        [one] Une migove yekambani imwe chete. Kana ikasaita zvakanaka, zvese zvinodonha.
       *[other] Une migove yemakambani { $n } chete. Matatu kana kupfuura anoderedza njodzi.
    }
portfolio-many = Une migove yemakambani { $n }.
portfolio-one-much = { $share } yemari yako yese iri mu { $name }. Zvakawanda pakambani imwe.
portfolio-one-fine = Kambani yako hombe, { $name }, ine { $share } yemari yako.
portfolio-kind-much = { $share } yemigove yako ndeyerudzi rumwe rwebhizinesi: { $name }. Kazhinji inokwira nekudonha pamwe chete.
portfolio-kind-fine = Rudzi rwebhizinesi rwakakura, { $name }, rune { $share } yemigove yako.
portfolio-cash-much = { $share } yemari yako yakamirira.
portfolio-cash-fine = { $share } yemari yako haisi mumigove.
portfolio-thumb = Idzi inzira dzekudzidza, kwete zano.
portfolio-benchmark = Mutsara wakadimburwa ndiyo indekisi { $name }: zvaizova mari imwe cheteyo imomo.
