# Dates
date-long = { $day } { $month } { $year }
date-weekday = { $weekday }, { $date }
date-time = { $date }, { $time } { $zone }
date-time-range = { $date }, { $from } – { $to } { $zone }
date-time-range-zones = { $date }, { $from } { $from_zone } – { $to } { $zone }
time-of-day = { $half ->
    [am] { $hour12 }:{ $minutes } AM
   *[pm] { $hour12 }:{ $minutes } PM
}
zone-name = { $zone }
# what stands before the last of a list: "Monday, Tuesday and Wednesday"
list-and = { $list } ਅਤੇ { $last }
month-1 = ਜਨਵਰੀ
month-2 = ਫ਼ਰਵਰੀ
month-3 = ਮਾਰਚ
month-4 = ਅਪ੍ਰੈਲ
month-5 = ਮਈ
month-6 = ਜੂਨ
month-7 = ਜੁਲਾਈ
month-8 = ਅਗਸਤ
month-9 = ਸਤੰਬਰ
month-10 = ਅਕਤੂਬਰ
month-11 = ਨਵੰਬਰ
month-12 = ਦਸੰਬਰ
weekday-1 = ਸੋਮਵਾਰ
weekday-2 = ਮੰਗਲਵਾਰ
weekday-3 = ਬੁੱਧਵਾਰ
weekday-4 = ਵੀਰਵਾਰ
weekday-5 = ਸ਼ੁੱਕਰਵਾਰ
weekday-6 = ਸ਼ਨਿੱਚਰਵਾਰ
weekday-7 = ਐਤਵਾਰ
