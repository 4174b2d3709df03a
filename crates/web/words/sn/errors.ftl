### DRAFT in chiShona, not yet reviewed by a native speaker. Do not rely on it before that review.
### Error pages.

errors-home = Enda kupeji rekutanga
errors-number = Kana uchikumbira rubatsiro, taura nhamba iyi:
errors-retry = Edza zvakare mumasekondi { $seconds }.
errors-form-title = Fomu iri rasakara
errors-form-text = Kuti uchengetedzeke, fomu rinoshanda chete kana rakavhurwa pano. Hapana chachinja. Dzokera, vhura peji zvakare, wotumira zvakare.
errors-join-title = Haugone kupinda zvino
errors-join-text = Nguva yekupinda mumutambo uyu yapera. Kana wakapinda kare, pinda neakaundi yako.
errors-nowhere-title = Peji iri harisi pano
errors-nowhere-text = Kero iyi haina kwainoenda. Pamwe yakanyorwa zvisizvo, kana kuti peji rakatama.
errors-method-title = Izvi hazvigoni kuitwa pano
errors-method-text = Peji ririko, asi haribvumidzi zvakumbirwa. Tangazve kubva papeji rapfuura.
errors-large-title = Izvo zvanyanya panguva imwe
errors-large-text = Zvatumirwa zvakakura kupfuura zvatinoverenga. Tumira zvishoma.
errors-often-title = Zorora zvishoma
errors-often-text = Pauya zvikumbiro zvakawanda kubva kwauri kana kunetiweki yako. Hapana charasika.
errors-busy-title = Hatigoni kupindura izvozvi
errors-busy-text = Sevha yakabatikana kana kuti iri kugadziriswa. Hapana chako charasika. Edza zvakare munguva pfupi.
errors-internal-title = Pane chakanganisika pano
errors-internal-text = Haisi mhosva yako. Zvanyorwa pasi kuti zvigadziriswe.
errors-unknown-title = Hatisati taziva kana zvaitwa
errors-unknown-text = Mhinduro yanonoka. Tarisa nhoroondo yako usati waedza zvakare: zvawakumbira zvinogona kunge zvaitwa.
errors-unreadable-title = Hatina kukwanisa kuverenga izvozvo
errors-unreadable-text = Zvatumirwa hazvisi zvinotarisirwa nepeji iri. Dzokera wedza zvakare.
