# Dates
date-long = { $day } de { $month } de { $year }
date-weekday = { $weekday } { $date }
date-time = { $date }, { $time } ({ $zone })
date-time-range = { $date }, { $from } – { $to } ({ $zone })
date-time-range-zones = { $date }, { $from } ({ $from_zone }) – { $to } ({ $zone })
time-of-day = { $half ->
    [am] { $hour12 }:{ $minutes } a. m.
   *[pm] { $hour12 }:{ $minutes } p. m.
}
zone-name = { $known ->
    [EST-5] hora del Este
    [EDT-4] hora del Este
    [CST-6] hora del Centro
    [CDT-5] hora del Centro
    [MST-7] hora de la Montaña
    [MDT-6] hora de la Montaña
    [PST-8] hora del Pacífico
    [PDT-7] hora del Pacífico
    [AST-4] hora del Atlántico
    [ADT-3] hora del Atlántico
    [NST-3] hora de Terranova
    [NDT-2] hora de Terranova
   *[other] { $zone }
}
# what stands before the last of a list: "Monday, Tuesday and Wednesday"
list-and = { $list } y { $last }
month-1 = enero
month-2 = febrero
month-3 = marzo
month-4 = abril
month-5 = mayo
month-6 = junio
month-7 = julio
month-8 = agosto
month-9 = septiembre
month-10 = octubre
month-11 = noviembre
month-12 = diciembre
weekday-1 = lunes
weekday-2 = martes
weekday-3 = miércoles
weekday-4 = jueves
weekday-5 = viernes
weekday-6 = sábado
weekday-7 = domingo
