event-kind-rally = ਰੈਲੀ
event-kind-march = ਮਾਰਚ
event-kind-assembly = ਸਭਾ
event-kind-vigil = ਮੋਮਬੱਤੀ ਵਿਜਲ
event-kind-workshop = ਵਰਕਸ਼ਾਪ
event-kind-training = ਸਿਖਲਾਈ
event-kind-camp = ਕੈਂਪ
event-kind-delivery = ਪਟੀਸ਼ਨ ਸੌਂਪਣਾ
event-kind-meeting = ਮੀਟਿੰਗ
event-kind-picnic = ਪਿਕਨਿਕ
event-kind-other = ਸਮਾਗਮ
event-format-in_person = ਆਹਮੋ-ਸਾਹਮਣੇ
event-format-online = ਔਨਲਾਈਨ
event-format-hybrid = ਆਹਮੋ-ਸਾਹਮਣੇ ਅਤੇ ਔਨਲਾਈਨ
event-when = ਕਦੋਂ
event-where = ਕਿੱਥੇ
event-how = ਕਿਸਮ
event-timezone = { $city } ਦਾ ਸਮਾਂ
event-calendar = ਕੈਲੰਡਰ ਵਿੱਚ ਪਾਓ
event-calendar-neutral = ਮੁਲਾਕਾਤ
event-calendar-neutral-link = ਨਾਮ ਅਤੇ ਥਾਂ ਤੋਂ ਬਿਨਾਂ ਕੈਲੰਡਰ ਐਂਟਰੀ
event-map = ਨਕਸ਼ਾ ਵੇਖੋ
event-about-title = ਇਸ ਸਮਾਗਮ ਬਾਰੇ
event-accessibility = ਪਹੁੰਚਯੋਗਤਾ
event-sessions = ਪ੍ਰੋਗਰਾਮ
event-contacts = ਕੋਈ ਸਵਾਲ? ਸਾਡੇ ਨਾਲ ਸੰਪਰਕ ਕਰੋ
event-private-link = ਜੁੜਨ ਦਾ ਲਿੰਕ ਸਿਰਫ਼ ਰਜਿਸਟਰ ਹੋਏ ਲੋਕਾਂ ਨੂੰ ਈਮੇਲ ਰਾਹੀਂ ਭੇਜਿਆ ਜਾਂਦਾ ਹੈ।
event-jump = ਰਜਿਸਟਰ ਕਰੋ
event-jump-waitlist = ਉਡੀਕ ਸੂਚੀ ਵਿੱਚ ਸ਼ਾਮਲ ਹੋਵੋ
event-register-title = ਇਸ ਸਮਾਗਮ ਲਈ ਰਜਿਸਟਰ ਕਰੋ
event-register-button = ਰਜਿਸਟਰ ਕਰੋ
event-waitlist-title = ਉਡੀਕ ਸੂਚੀ ਵਿੱਚ ਸ਼ਾਮਲ ਹੋਵੋ
event-waitlist-note = ਇਹ ਸਮਾਗਮ ਭਰ ਗਿਆ ਹੈ। ਜੇ ਕੋਈ ਥਾਂ ਖ਼ਾਲੀ ਹੋਈ ਤਾਂ ਅਸੀਂ ਉਡੀਕ ਸੂਚੀ ਵਾਲੇ ਲੋਕਾਂ ਨੂੰ ਵਾਰੀ ਅਨੁਸਾਰ ਰਜਿਸਟਰ ਕਰਦੇ ਹਾਂ ਅਤੇ ਈਮੇਲ ਰਾਹੀਂ ਦੱਸਦੇ ਹਾਂ।
event-waitlist-button = ਉਡੀਕ ਸੂਚੀ ਵਿੱਚ ਸ਼ਾਮਲ ਹੋਵੋ
event-status-closed = ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਬੰਦ ਹੈ।
event-status-cancelled = ਇਹ ਸਮਾਗਮ ਰੱਦ ਕਰ ਦਿੱਤਾ ਗਿਆ ਹੈ।
event-status-past = ਇਹ ਸਮਾਗਮ ਸਮਾਪਤ ਹੋ ਗਿਆ ਹੈ। ਆਉਣ ਵਾਲੇ ਹਰ ਇੱਕ ਦਾ ਧੰਨਵਾਦ।
event-next = ਅੱਗੇ ਅਸੀਂ ਤੁਹਾਨੂੰ ਈਮੇਲ ਰਾਹੀਂ ਲਿੰਕ ਭੇਜਾਂਗੇ। ਉਸ ’ਤੇ ਜਾ ਕੇ ਬਟਨ ਦਬਾਓ ਤਾਂ ਜੋ ਤੁਹਾਡੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਪੂਰੀ ਹੋਵੇ।
event-protected-note = ਸਿਰਫ਼ ਪ੍ਰਬੰਧਕ ਵੇਖ ਸਕਦੇ ਹਨ ਕਿ ਤੁਸੀਂ ਰਜਿਸਟਰ ਕੀਤਾ ਹੈ। ਅਸੀਂ ਘੱਟ ਤੋਂ ਘੱਟ ਜਾਣਕਾਰੀ ਮੰਗਦੇ ਹਾਂ।
event-phone-hint = ਸਿਰਫ਼ ਇਸ ਲਈ ਕਿ ਉਸ ਦਿਨ ਕੁਝ ਬਦਲੇ ਤਾਂ ਤੁਹਾਨੂੰ ਦੱਸ ਸਕੀਏ।
event-interpretation-none = ਦੁਭਾਸ਼ੀਏ ਦੀ ਲੋੜ ਨਹੀਂ
event-access-hint = ਜਿਵੇਂ: ਬਿਨਾਂ ਪੌੜੀਆਂ ਦਾ ਰਾਹ, ਸੈਨਤ ਭਾਸ਼ਾ, ਬੱਚਿਆਂ ਦੀ ਸੰਭਾਲ ਜਾਂ ਸ਼ਾਂਤ ਥਾਂ। ਇਹ ਸਿਰਫ਼ ਪ੍ਰਬੰਧਕ ਵੇਖਦੇ ਹਨ।
event-data-seen = ਸਿਰਫ਼ ਪ੍ਰਬੰਧਕ ਵੇਖ ਸਕਦੇ ਹਨ ਕਿ ਕਿਸ ਨੇ ਰਜਿਸਟਰ ਕੀਤਾ। ਇਹ ਪੰਨਾ ਸਿਰਫ਼ ਦੱਸਦਾ ਹੈ ਕਿ ਥਾਂ ਹੈ ਜਾਂ ਨਹੀਂ, ਕਦੇ ਨਹੀਂ ਕਿ ਕਿੰਨੇ ਜਾਂ ਕੌਣ।
event-data-cancel = ਤੁਸੀਂ ਸਾਡੀ ਈਮੇਲ ਵਿਚਲੇ ਲਿੰਕ ਨਾਲ ਕਦੇ ਵੀ ਰੱਦ ਕਰ ਸਕਦੇ ਹੋ।

token-event-confirm-heading = ਆਪਣੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਦੀ ਪੁਸ਼ਟੀ ਕਰੋ
token-event-confirm-line-1 = ਤੁਸੀਂ “{ $title }” ਲਈ ਰਜਿਸਟਰ ਕਰਨ ਲੱਗੇ ਹੋ।
token-event-confirm-line-2 = ਜਦੋਂ ਤੱਕ ਤੁਸੀਂ ਬਟਨ ਨਹੀਂ ਦਬਾਉਂਦੇ, ਤੁਹਾਡੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਨਹੀਂ ਹੁੰਦੀ।
token-event-confirm-button = ਮੇਰੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਦੀ ਪੁਸ਼ਟੀ ਕਰੋ
token-event-confirm-done-heading-accepted = ਤੁਹਾਡੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਹੋ ਗਈ ਹੈ
token-event-confirm-done-line-accepted = “{ $title }” ’ਤੇ ਮਿਲਦੇ ਹਾਂ। ਅਸੀਂ ਤੁਹਾਨੂੰ ਸਾਰੇ ਵੇਰਵਿਆਂ ਵਾਲੀ ਈਮੇਲ ਭੇਜ ਰਹੇ ਹਾਂ।
token-event-confirm-done-heading-waitlisted = ਤੁਸੀਂ ਉਡੀਕ ਸੂਚੀ ਵਿੱਚ ਹੋ
token-event-confirm-done-line-waitlisted = “{ $title }” ਇਸ ਵੇਲੇ ਭਰਿਆ ਹੋਇਆ ਹੈ। ਕੋਈ ਥਾਂ ਖ਼ਾਲੀ ਹੋਈ ਤਾਂ ਅਸੀਂ ਤੁਹਾਨੂੰ ਈਮੇਲ ਕਰਾਂਗੇ।
token-event-confirm-done-heading-declined = ਇਹ ਸਮਾਗਮ ਭਰ ਗਿਆ ਹੈ
token-event-confirm-done-line-declined = “{ $title }” ਲਈ ਕੋਈ ਥਾਂ ਨਹੀਂ ਬਚੀ। ਤੁਹਾਡੀ ਦਿਲਚਸਪੀ ਲਈ ਧੰਨਵਾਦ।
token-event-manage-heading = ਤੁਹਾਡੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ
token-event-manage-line-1 = ਤੁਸੀਂ “{ $title }” ਲਈ ਰਜਿਸਟਰ ਕੀਤਾ ਹੈ।
token-event-manage-line-2 = ਜੇ ਤੁਸੀਂ ਨਹੀਂ ਆ ਸਕਦੇ ਤਾਂ ਕਿਰਪਾ ਕਰਕੇ ਰੱਦ ਕਰ ਦਿਓ, ਤਾਂ ਜੋ ਥਾਂ ਕਿਸੇ ਹੋਰ ਨੂੰ ਮਿਲ ਸਕੇ।
token-event-manage-button = ਮੇਰੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਰੱਦ ਕਰੋ
token-event-manage-done-heading = ਤੁਹਾਡੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਰੱਦ ਹੋ ਗਈ ਹੈ
token-event-manage-done-line-1 = ਤੁਸੀਂ ਹੁਣ “{ $title }” ਲਈ ਰਜਿਸਟਰ ਨਹੀਂ ਹੋ। ਸਾਨੂੰ ਦੱਸਣ ਲਈ ਧੰਨਵਾਦ।
token-event-join-heading = ਔਨਲਾਈਨ ਸ਼ਾਮਲ ਹੋਵੋ
token-event-join-line-1 = ਤੁਸੀਂ “{ $title }” ’ਤੇ ਹੋ।
token-event-join-line-2 = ਬਟਨ ਮੀਟਿੰਗ ਖੋਲ੍ਹਦਾ ਹੈ। ਇਹ ਸਿਰਫ਼ ਤੁਹਾਡੇ ਲਈ ਹੈ, ਕਿਰਪਾ ਕਰਕੇ ਇਹ ਪੰਨਾ ਸਾਂਝਾ ਨਾ ਕਰੋ।
token-event-join-button = ਹੁਣ ਸ਼ਾਮਲ ਹੋਵੋ
join-page-link = ਔਨਲਾਈਨ ਸ਼ਾਮਲ ਹੋਵੋ
ticket-label = ਤੁਹਾਡੀ ਟਿਕਟ
ticket-line = ਇਹ ਕੋਡ ਦਰਵਾਜ਼ੇ ’ਤੇ ਦਿਖਾਓ।
join-not-yet = ਤੁਸੀਂ { $time } ਤੋਂ ਸ਼ਾਮਲ ਹੋ ਸਕਦੇ ਹੋ। ਉਦੋਂ ਇਸ ਪੰਨੇ ’ਤੇ ਵਾਪਸ ਆਓ।
join-missing = ਹਾਲੇ ਸ਼ਾਮਲ ਹੋਣ ਲਈ ਕੁਝ ਨਹੀਂ ਹੈ। ਕਿਰਪਾ ਕਰਕੇ ਬਾਅਦ ਵਿੱਚ ਇਹ ਪੰਨਾ ਦੁਬਾਰਾ ਵੇਖੋ।
join-refused = ਤੁਸੀਂ ਇਸ ਪੰਨੇ ਨਾਲ ਸ਼ਾਮਲ ਨਹੀਂ ਹੋ ਸਕਦੇ। ਕਿਰਪਾ ਕਰਕੇ ਸਾਡੀ ਸਭ ਤੋਂ ਨਵੀਂ ਈਮੇਲ ਲੱਭੋ, ਜਾਂ ਫ਼ਾਰਮ ਦੁਬਾਰਾ ਭੇਜੋ।
join-hide-name = ਸ਼ਾਮਲ ਹੋਣ ਤੋਂ ਪਹਿਲਾਂ ਤੁਸੀਂ ਕੋਈ ਵੀ ਨਾਂ ਚੁਣ ਸਕਦੇ ਹੋ ਅਤੇ ਕੈਮਰਾ ਬੰਦ ਰੱਖ ਸਕਦੇ ਹੋ। ਦੂਜਿਆਂ ਨੂੰ ਉਹੀ ਨਾਂ ਦਿਸਦਾ ਹੈ ਜੋ ਤੁਸੀਂ ਚੁਣਦੇ ਹੋ।
join-dial-in = ਫ਼ੋਨ ਰਾਹੀਂ
join-to = ਤੁਸੀਂ ਕੀ ਸੁਣਨਾ ਚਾਹੁੰਦੇ ਹੋ?
join-to-meeting = ਮੀਟਿੰਗ
join-to-interpretation = ਦੁਭਾਸ਼ੀਏ ਦਾ ਅਨੁਵਾਦ
token-event-confirm-done-heading-kept = ਤੁਹਾਡੀ ਪਹਿਲੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਕਾਇਮ ਹੈ
token-event-confirm-done-line-kept = “{ $title }” ਵਿੱਚ ਵੱਡੇ ਸਮੂਹ ਲਈ ਥਾਂ ਨਹੀਂ ਹੈ। ਤੁਹਾਡੀ ਪਹਿਲੀ ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਉਸੇ ਤਰ੍ਹਾਂ ਕਾਇਮ ਹੈ।
event-state-accepted = ਰਜਿਸਟਰ ਹੋ
event-state-waitlisted = ਉਡੀਕ ਸੂਚੀ ਵਿੱਚ
event-state-cancelled = ਰੱਦ
event-state-declined = ਸਮਾਗਮ ਭਰਿਆ ਹੋਇਆ
repeats-daily = { $count ->
    [1] ਹਰ ਰੋਜ਼
   *[other] ਹਰ { $n } ਦਿਨਾਂ ਬਾਅਦ
}
repeats-weekly = { $count ->
    [1] ਹਰ ਹਫ਼ਤੇ
   *[other] ਹਰ { $n } ਹਫ਼ਤਿਆਂ ਬਾਅਦ
}
repeats-monthly = { $count ->
    [1] ਹਰ ਮਹੀਨੇ
   *[other] ਹਰ { $n } ਮਹੀਨਿਆਂ ਬਾਅਦ
}
repeats-yearly = { $count ->
    [1] ਹਰ ਸਾਲ
   *[other] ਹਰ { $n } ਸਾਲਾਂ ਬਾਅਦ
}
repeats-count = { $count ->
    [1] ਇੱਕ ਵਾਰ
   *[other] { $n } ਵਾਰ
}
repeats-until = { $date } ਤੱਕ
repeats-on = { $every } { $days } ਨੂੰ
repeats-weekday = { $weekday }
repeats-nth-weekday = { $nth ->
    [1] ਪਹਿਲੇ { $weekday }
    [2] ਦੂਜੇ { $weekday }
    [3] ਤੀਜੇ { $weekday }
    [4] ਚੌਥੇ { $weekday }
   *[last] ਆਖ਼ਰੀ { $weekday }
}
repeats-month-day = { $day } ਤਾਰੀਖ਼
repeats-last-day = ਆਖ਼ਰੀ ਦਿਨ
repeats-dates = ਅਗਲੀਆਂ ਤਾਰੀਖ਼ਾਂ: { $dates }
repeats-dates-more = ਅਗਲੀਆਂ ਤਾਰੀਖ਼ਾਂ: { $dates }; ਅਤੇ ਬਾਅਦ ਵਿੱਚ
event-state-pending = ਪੁਸ਼ਟੀ ਨਹੀਂ ਹੋਈ
