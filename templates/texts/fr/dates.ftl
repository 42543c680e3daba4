# Dates
date-long = { $day ->
    [1] 1er
   *[other] { $day }
} { $month } { $year }
date-weekday = { $weekday } { $date }
date-time = { $date }, { $time } ({ $zone })
date-time-range = { $date }, { $from } – { $to } ({ $zone })
date-time-range-zones = { $date }, { $from } ({ $from_zone }) – { $to } ({ $zone })
time-of-day = { $minute ->
    [0] { $hour } h
   *[other] { $hour } h { $minutes }
}
zone-name = { $known ->
    [EST-5] HNE
    [EDT-4] HAE
    [CST-6] HNC
    [CDT-5] HAC
    [MST-7] HNR
    [MDT-6] HAR
    [PST-8] HNP
    [PDT-7] HAP
    [AST-4] HNA
    [ADT-3] HAA
    [NST-3] HNT
    [NDT-2] HAT
   *[other] { $zone }
}
# what stands before the last of a list: "Monday, Tuesday and Wednesday"
list-and = { $list } et { $last }
month-1 = janvier
month-2 = février
month-3 = mars
month-4 = avril
month-5 = mai
month-6 = juin
month-7 = juillet
month-8 = août
month-9 = septembre
month-10 = octobre
month-11 = novembre
month-12 = décembre
weekday-1 = lundi
weekday-2 = mardi
weekday-3 = mercredi
weekday-4 = jeudi
weekday-5 = vendredi
weekday-6 = samedi
weekday-7 = dimanche
