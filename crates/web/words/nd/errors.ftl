### DRAFT in isiNdebele, not yet reviewed by a native speaker. Do not rely on it before that review.
### Error pages.

errors-home = Yana ekhasini lokuqala
errors-number = Nxa ucela usizo, tshela le inombolo:
errors-retry = Zama futhi ngemva kwemizuzwana engu-{ $seconds }.
errors-form-title = Lifomu selidala
errors-form-text = Ukuze uvikeleke, ifomu isebenza kuphela nxa ivulwe lapha. Akulalutho olutshintshileyo. Buyela emuva, vula ikhasi kutsha, uthumele futhi.
errors-join-title = Awusangeneli
errors-join-text = Isikhathi sokungena kulo mdlalo sesiphelile. Nxa wangena kuqala, ngena nge-akhawunti yakho.
errors-nowhere-title = Lelikhasi kalikho lapha
errors-nowhere-text = Lelikheli kaliyi ndawo. Mhlawumbe libhalwe kubi, kumbe ikhasi lithuthile.
errors-method-title = Lokhu kakwenziwa lapha
errors-method-text = Ikhasi likhona, kodwa kalenzi lokhu okuceliweyo. Qalisa futhi ekhasini elandulelayo.
errors-large-title = Lokho kukunengi kakhulu
errors-large-text = Okuthunyelweyo kukhulu kakhulu. Sicela uthumele okuncane.
errors-often-title = Phumula kancane
errors-often-text = Kube lezicelo ezinengi ezivela kuwe kumbe kunethiwekhi yakho. Akulalutho olulahlekileyo.
errors-busy-title = Asingeke siphendule khathesi
errors-busy-text = Iseva imatasatasa kumbe iyalungiswa. Akulalutho lwakho olulahlekileyo. Zama futhi masinyane.
errors-internal-title = Kukhona okonakeleyo lapha
errors-internal-text = Kayisilo cala lakho. Kubhaliwe phansi ukuze kulungiswe.
errors-unknown-title = Kasikakwazi ukuthi lokho kwenziwe yini
errors-unknown-text = Impendulo iphuzile. Khangela imbali yakho ungakazami futhi: okucelileyo kungabe kwenziwe.
errors-unreadable-title = Sehlulekile ukubala lokho
errors-unreadable-text = Okuthunyelweyo kakusilokho okulindelwe leli khasi. Buyela emuva uzame futhi.
