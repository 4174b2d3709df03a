### DRAFT in isiNdebele, not yet reviewed by a native speaker. Do not rely on it before that review.
### A new password without the old one.

recover-title = Iphasiwedi entsha
recover-lead = Ukhohlwe iphasiwedi yakho? Ngekhodi yakho yokubuyisela ungafaka entsha.
recover-code = Ikhodi yokubuyisela
recover-code-hint = Ifana lo 0K7Q-M92X-TVB4. Ikhodi ngayinye isetshenziswa kanye.
recover-code-missing = Bhala enye yekhodi zakho zokubuyisela.
recover-code-wrong = Ikheli le-email kumbe ikhodi kayiqondanga, kumbe ikhodi isike yasetshenziswa.
recover-password = Iphasiwedi entsha
recover-text = Kwezinye indawo uyakhitshwa, lamathokheni ayaphela.
recover-do = Faka iphasiwedi entsha
recover-no-code = Awulakhodi yokubuyisela? Buza abaphethe umdlalo: bangakupha isixhumanisi sephasiwedi entsha.
recover-for = I-akhawunti ka
recover-dead = Isixhumanisi lesi sesisetshenzisiwe, siphelelwe yisikhathi, kumbe sithathelwe indawo ngesitsha. Cela esinye.
recover-by-code = Sebenzisa ikhodi yokubuyisela
