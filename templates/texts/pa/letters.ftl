letter-count = { $count ->
    [one] ਹੁਣ ਤੱਕ { $n } ਚਿੱਠੀ ਲਿਖੀ ਗਈ
   *[other] ਹੁਣ ਤੱਕ { $n } ਚਿੱਠੀਆਂ ਲਿਖੀਆਂ ਗਈਆਂ
}
letter-to-title = ਤੁਹਾਡੀ ਚਿੱਠੀ ਕਿਸ ਨੂੰ ਮਿਲਦੀ ਹੈ
letter-greeting = “{ $greeting }” ਨਾਲ ਸ਼ੁਰੂ ਹੁੰਦੀ ਹੈ
letter-about-title = ਅਸੀਂ ਕਿਉਂ ਲਿਖਦੇ ਹਾਂ
letter-jump = ਆਪਣੀ ਚਿੱਠੀ ਲਿਖੋ
letter-form-title = ਤੁਹਾਡੀ ਚਿੱਠੀ
letter-button = ਮੇਰੀ ਚਿੱਠੀ ਭੇਜੋ
letter-next = ਅੱਗੇ ਤੁਹਾਨੂੰ ਸਾਡੇ ਵੱਲੋਂ ਈਮੇਲ ਆਵੇਗੀ। ਜਦੋਂ ਤੁਸੀਂ ਉਸ ਦੇ ਲਿੰਕ ਵਾਲੇ ਪੰਨੇ ਤੇ ਬਟਨ ਦਬਾਓਗੇ, ਤੁਹਾਡੀ ਚਿੱਠੀ ਜਾਵੇਗੀ।
letter-held = ਅਸੀਂ ਹਾਲੇ ਚਿੱਠੀਆਂ ਇਕੱਠੀਆਂ ਕਰ ਰਹੇ ਹਾਂ। ਤੁਹਾਡੀ ਚਿੱਠੀ ਸਾਂਭ ਕੇ ਰੱਖੀ ਜਾਂਦੀ ਹੈ ਅਤੇ ਮੁਹਿੰਮ ਸ਼ੁਰੂ ਹੋਣ ਵਾਲੇ ਦਿਨ ਜਾਵੇਗੀ।
letter-subject-hint = ਸਾਡੇ ਸੁਝਾਵਾਂ ਵਿੱਚੋਂ ਕੋਈ ਚੁਣੋ ਜਾਂ ਆਪਣਾ ਲਿਖੋ।
letter-message-hint = ਤੁਹਾਡੇ ਆਪਣੇ ਸ਼ਬਦ ਸਭ ਤੋਂ ਵੱਧ ਅਸਰ ਕਰਦੇ ਹਨ। ਜਿੰਨਾ ਚਾਹੋ ਬਦਲੋ। ਸੰਬੋਧਨ ਅਤੇ ਲਿਖਤ ਹੇਠਾਂ ਤੁਹਾਡਾ ਨਾਂ ਅਸੀਂ ਜੋੜਦੇ ਹਾਂ।
letter-message-hint-fixed = ਇਹ ਲਿਖਤ ਸਭ ਲਈ ਇੱਕੋ ਹੈ। ਸੰਬੋਧਨ ਅਤੇ ਲਿਖਤ ਹੇਠਾਂ ਤੁਹਾਡਾ ਨਾਂ ਅਸੀਂ ਜੋੜਦੇ ਹਾਂ।
letter-city-hint = ਅਧਿਕਾਰੀ ਪਹਿਲਾਂ ਆਪਣੇ ਇਲਾਕੇ ਦੇ ਲੋਕਾਂ ਨੂੰ ਜਵਾਬ ਦਿੰਦੇ ਹਨ।
letter-show-email-label = ਚਿੱਠੀ ਵਿੱਚ ਮੇਰਾ ਈਮੇਲ ਪਤਾ ਪਾਓ, ਤਾਂ ਜੋ ਦਫ਼ਤਰ ਮੈਨੂੰ ਸਿੱਧਾ ਜਵਾਬ ਦੇ ਸਕੇ।
letter-show-email-hint = ਜੇ ਤੁਸੀਂ ਇਸ ਤੇ ਨਿਸ਼ਾਨ ਨਹੀਂ ਲਾਉਂਦੇ ਤਾਂ ਦਫ਼ਤਰ ਨੂੰ ਤੁਹਾਡੇ ਪਤੇ ਦੀ ਥਾਂ ਸਾਡਾ ਜਵਾਬੀ ਪਤਾ ਮਿਲਦਾ ਹੈ।
letter-sent-title = ਕੀ ਭੇਜਿਆ ਜਾਂਦਾ ਹੈ, ਅਤੇ ਕਿਸ ਨੂੰ
letter-sent-what = ਤੁਹਾਡਾ ਨਾਂ, ਤੁਹਾਡਾ ਸ਼ਹਿਰ, ਤੁਹਾਡਾ ਡਾਕ ਕੋਡ ਅਤੇ ਤੁਹਾਡੀ ਲਿਖਤ ਇਨ੍ਹਾਂ ਦਫ਼ਤਰਾਂ ਨੂੰ ਜਾਂਦੇ ਹਨ:
letter-sent-onward = ਇੱਕ ਮੰਤਰਾਲੇ ਨੂੰ ਮਿਲੀ ਚਿੱਠੀ ਹੋਰ ਵਿਭਾਗਾਂ ਨੂੰ ਅੱਗੇ ਦਿੱਤੀ ਜਾ ਸਕਦੀ ਹੈ, ਅਤੇ ਅਸੀਂ ਉਸ ਨੂੰ ਵਾਪਸ ਨਹੀਂ ਮੰਗਵਾ ਸਕਦੇ।
letter-sent-email = ਤੁਹਾਡਾ ਈਮੇਲ ਪਤਾ ਸਿਰਫ਼ ਤਾਂ ਹੀ ਨਾਲ ਜਾਂਦਾ ਹੈ ਜੇ ਤੁਸੀਂ ਖ਼ਾਨੇ ਤੇ ਨਿਸ਼ਾਨ ਲਾਉਂਦੇ ਹੋ।
letter-data-seen = ਤੁਸੀਂ ਜੋ ਭਰਦੇ ਹੋ, ਉਹ ਪ੍ਰਬੰਧਕ ਵੇਖ ਸਕਦੇ ਹਨ। ਲੋਕਾਂ ਨੂੰ ਸਿਰਫ਼ ਦਿਸਦਾ ਹੈ ਕਿ ਕਿੰਨੀਆਂ ਚਿੱਠੀਆਂ ਲਿਖੀਆਂ ਗਈਆਂ।
letter-protected-note = ਚਿੱਠੀ ਆਪ ਤੁਹਾਡਾ ਨਾਂ ਉੱਪਰ ਦੱਸੇ ਦਫ਼ਤਰਾਂ ਤੱਕ ਲੈ ਕੇ ਜਾਂਦੀ ਹੈ। ਇਸ ਤੋਂ ਬਿਨਾਂ ਕਿਸੇ ਨੂੰ ਪਤਾ ਨਹੀਂ ਲੱਗਦਾ ਕਿ ਤੁਸੀਂ ਲਿਖਿਆ।

token-letter-confirm-heading = ਆਪਣੀ ਚਿੱਠੀ ਭੇਜੋ
token-letter-confirm-line-1 = “{ $title }” ਲਈ ਤੁਹਾਡੀ ਚਿੱਠੀ ਤਿਆਰ ਹੈ।
token-letter-confirm-line-2 = ਜਦੋਂ ਤੱਕ ਤੁਸੀਂ ਬਟਨ ਨਹੀਂ ਦਬਾਉਂਦੇ, ਕੁਝ ਨਹੀਂ ਜਾਂਦਾ। ਕਿਰਪਾ ਕਰਕੇ ਇੱਕ ਵਾਰ ਫਿਰ ਪੜ੍ਹੋ ਕਿ ਕੀ ਭੇਜਿਆ ਜਾਵੇਗਾ।
token-letter-confirm-button = ਹਾਂ, ਮੇਰੀ ਚਿੱਠੀ ਭੇਜੋ
token-letter-confirm-done-heading = ਧੰਨਵਾਦ। ਤੁਹਾਡੀ ਚਿੱਠੀ ਰਾਹ ਵਿੱਚ ਹੈ।
token-letter-confirm-done-line-1 = ਅਸੀਂ ਚਿੱਠੀਆਂ ਇੱਕਸਾਰ ਰਫ਼ਤਾਰ ਨਾਲ ਭੇਜਦੇ ਹਾਂ, ਤਾਂ ਜੋ ਹਰ ਇੱਕ ਪਹੁੰਚੇ। ਤੁਹਾਡੀ ਚਿੱਠੀ ਨੂੰ ਥੋੜ੍ਹਾ ਸਮਾਂ ਲੱਗ ਸਕਦਾ ਹੈ।
token-letter-confirm-done-line-held = ਉਹ ਸਾਂਭ ਕੇ ਰੱਖੀ ਗਈ ਹੈ ਅਤੇ ਮੁਹਿੰਮ ਸ਼ੁਰੂ ਹੋਣ ਵਾਲੇ ਦਿਨ ਜਾਵੇਗੀ।
token-letter-manage-heading = ਤੁਹਾਡੀ ਚਿੱਠੀ
token-letter-manage-line-1 = ਤੁਸੀਂ “{ $title }” ਲਈ ਚਿੱਠੀ ਲਿਖੀ ਹੈ।
token-letter-manage-line-2 = ਜੋ ਹਾਲੇ ਨਹੀਂ ਗਿਆ, ਉਹ ਰੋਕਿਆ ਜਾ ਸਕਦਾ ਹੈ। ਜੋ ਭੇਜਿਆ ਜਾ ਚੁੱਕਾ ਹੈ, ਉਹ ਵਾਪਸ ਨਹੀਂ ਆ ਸਕਦਾ।
token-letter-manage-button = ਮੇਰੀ ਚਿੱਠੀ ਰੋਕੋ
token-letter-manage-done-heading = ਤੁਹਾਡੀ ਚਿੱਠੀ ਰੋਕ ਦਿੱਤੀ ਗਈ ਹੈ
token-letter-manage-done-line-1 = ਤੁਹਾਡੇ ਨਾਂ ਤੇ ਹੋਰ ਕੁਝ ਨਹੀਂ ਜਾਵੇਗਾ। ਜੋ ਪਹਿਲਾਂ ਭੇਜਿਆ ਜਾ ਚੁੱਕਾ ਸੀ, ਉਹ ਵਾਪਸ ਨਹੀਂ ਆ ਸਕਦਾ।
letter-state-pending = ਤੁਹਾਡੀ ਪੁਸ਼ਟੀ ਦੀ ਉਡੀਕ ਵਿੱਚ
letter-state-held = ਮੁਹਿੰਮ ਸ਼ੁਰੂ ਹੋਣ ਤੱਕ ਸਾਂਭੀ ਹੋਈ
letter-state-queued = ਭੇਜੇ ਜਾਣ ਦੀ ਉਡੀਕ ਵਿੱਚ
letter-state-sent = ਭੇਜੀ ਗਈ
letter-state-failed = ਪਹੁੰਚਾਈ ਨਹੀਂ ਜਾ ਸਕੀ
letter-state-uncertain = ਸ਼ਾਇਦ ਭੇਜੀ ਗਈ
letter-state-cancelled = ਰੋਕੀ ਗਈ
