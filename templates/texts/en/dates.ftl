# Dates
date-long = { $month } { $day }, { $year }
date-weekday = { $weekday }, { $date }
date-time = { $date }, { $time } { $zone }
date-time-range = { $date }, { $from } – { $to } { $zone }
date-time-range-zones = { $date }, { $from } { $from_zone } – { $to } { $zone }
# hour 0 to 23, hour12 1 to 12, minute as a number, minutes with two digits
time-of-day = { $half ->
    [am] { $hour12 }:{ $minutes } a.m.
   *[pm] { $hour12 }:{ $minutes } p.m.
}
zone-name = { $zone }
# what stands before the last of a list: "Monday, Tuesday and Wednesday"
list-and = { $list } and { $last }
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
weekday-1 = Monday
weekday-2 = Tuesday
weekday-3 = Wednesday
weekday-4 = Thursday
weekday-5 = Friday
weekday-6 = Saturday
weekday-7 = Sunday
