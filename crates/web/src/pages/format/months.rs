//! The names of the months as in dates of CLDR: en-ZW, sn-ZW, nd-ZW.

#[rustfmt::skip]
pub(super) const MONTHS: [[&str; 12]; 3] = [
    [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ],
    [
        "Ndira", "Kukadzi", "Kurume", "Kubvumbi", "Chivabvu", "Chikumi", "Chikunguru",
        "Nyamavhuvhu", "Gunyana", "Gumiguru", "Mbudzi", "Zvita",
    ],
    [
        "Zibandlela", "Nhlolanja", "Mbimbitho", "Mabasa", "Nkwenkwezi", "Nhlangula", "Ntulikazi",
        "Ncwabakazi", "Mpandula", "Mfumfu", "Lwezi", "Mpalakazi",
    ],
];

#[rustfmt::skip]
pub(super) const SHORT_MONTHS: [[&str; 12]; 3] = [
    [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec",
    ],
    [
        "Ndi", "Kuk", "Kur", "Kub", "Chv", "Chk", "Chg", "Nya", "Gun", "Gum", "Mbu", "Zvi",
    ],
    [
        "Zib", "Nhlo", "Mbi", "Mab", "Nkw", "Nhla", "Ntu", "Ncw", "Mpan", "Mfu", "Lwe", "Mpal",
    ],
];
