petition-count = { $count ->
    [one] { $n } ਵਿਅਕਤੀ ਨੇ ਦਸਤਖ਼ਤ ਕੀਤੇ ਹਨ
   *[other] { $n } ਲੋਕਾਂ ਨੇ ਦਸਤਖ਼ਤ ਕੀਤੇ ਹਨ
}
petition-goal = ਟੀਚਾ { $n }
petition-progress-label = ਟੀਚੇ ਵੱਲ ਦਸਤਖ਼ਤ
petition-to = ਵੱਲ:
petition-text-title = ਅਸੀਂ ਕੀ ਮੰਗਦੇ ਹਾਂ
petition-about-title = ਇਹ ਕਿਉਂ ਜ਼ਰੂਰੀ ਹੈ
petition-jump = ਹੁਣੇ ਦਸਤਖ਼ਤ ਕਰੋ
petition-sign-title = ਇਸ ਪਟੀਸ਼ਨ ਤੇ ਦਸਤਖ਼ਤ ਕਰੋ
petition-sign-button = ਮੇਰਾ ਨਾਂ ਜੋੜੋ
petition-sign-button-protected = ਦਸਤਖ਼ਤ ਕਰੋ
petition-next-email = ਅੱਗੇ ਤੁਹਾਨੂੰ ਸਾਡੇ ਵੱਲੋਂ ਈਮੇਲ ਆਵੇਗੀ। ਜਦੋਂ ਤੁਸੀਂ ਉਸ ਦੇ ਲਿੰਕ ਵਾਲੇ ਪੰਨੇ ਤੇ ਬਟਨ ਦਬਾਓਗੇ, ਤੁਹਾਡਾ ਦਸਤਖ਼ਤ ਗਿਣਿਆ ਜਾਵੇਗਾ।
petition-next-none = ਬਟਨ ਦਬਾਉਂਦੇ ਹੀ ਤੁਹਾਡਾ ਦਸਤਖ਼ਤ ਗਿਣਿਆ ਜਾਂਦਾ ਹੈ।
petition-protected-note = ਤੁਹਾਡੇ ਬਾਰੇ ਕਿਸੇ ਨੂੰ ਕੁਝ ਨਹੀਂ ਵਿਖਾਇਆ ਜਾਂਦਾ। ਸਾਨੂੰ ਸਿਰਫ਼ ਤੁਹਾਡਾ ਈਮੇਲ ਪਤਾ ਚਾਹੀਦਾ ਹੈ, ਤਾਂ ਜੋ ਹਰ ਕੋਈ ਇੱਕੋ ਵਾਰ ਦਸਤਖ਼ਤ ਕਰੇ।
petition-comments-hint = ਪ੍ਰਬੰਧਕ ਇਸ ਨੂੰ ਪੜ੍ਹਦੇ ਹਨ ਅਤੇ ਛਾਪ ਸਕਦੇ ਹਨ, ਪਰ ਤੁਹਾਡਾ ਨਾਂ ਸਿਰਫ਼ ਉਵੇਂ ਜਿਵੇਂ ਤੁਸੀਂ ਹੇਠਾਂ ਚੁਣਦੇ ਹੋ। ਕਿਰਪਾ ਕਰਕੇ ਅਜਿਹਾ ਕੁਝ ਨਾ ਲਿਖੋ ਜਿਸ ਨਾਲ ਤੁਹਾਨੂੰ ਜਾਂ ਕਿਸੇ ਹੋਰ ਨੂੰ ਖ਼ਤਰਾ ਹੋ ਸਕਦਾ ਹੋਵੇ।
petition-postal-hint = ਇਸ ਤੋਂ ਸਿਰਫ਼ ਵੱਡੇ ਸਮੂਹਾਂ ਵਿੱਚ ਪਤਾ ਲੱਗਦਾ ਹੈ ਕਿ ਅਸੀਂ ਕਿਹੜੇ ਹਲਕਿਆਂ ਤੋਂ ਹਾਂ।
display-hidden = ਨਹੀਂ, ਸਿਰਫ਼ ਗਿਣਤੀ ਵਧੇ
display-initials = ਸਿਰਫ਼ ਮੇਰੇ ਨਾਂ ਦੇ ਪਹਿਲੇ ਅੱਖਰ
display-first_name = ਮੇਰਾ ਪਹਿਲਾ ਨਾਂ ਅਤੇ ਸ਼ਹਿਰ
display-full_name = ਮੇਰਾ ਪੂਰਾ ਨਾਂ
petition-data-seen = ਤੁਸੀਂ ਜੋ ਭਰਦੇ ਹੋ, ਉਹ ਪ੍ਰਬੰਧਕ ਵੇਖ ਸਕਦੇ ਹਨ। ਬਾਕੀ ਸਭ ਨੂੰ ਸਿਰਫ਼ ਗਿਣਤੀ ਦਿਸਦੀ ਹੈ, ਅਤੇ ਤੁਹਾਡਾ ਨਾਂ ਸਿਰਫ਼ ਜੇ ਤੁਸੀਂ ਚੁਣੋ।
petition-data-seen-protected = ਇਹ ਸੂਚੀ ਸਿਰਫ਼ ਪ੍ਰਬੰਧਕ ਖੋਲ੍ਹ ਸਕਦੇ ਹਨ। ਬਾਕੀ ਸਭ ਨੂੰ ਸਿਰਫ਼ ਗਿਣਤੀ ਦਿਸਦੀ ਹੈ, ਹੋਰ ਕੁਝ ਨਹੀਂ।
petition-data-withdraw = ਤੁਸੀਂ ਈਮੇਲ ਵਿੱਚ ਭੇਜੇ ਲਿੰਕ ਨਾਲ ਕਦੇ ਵੀ ਆਪਣਾ ਦਸਤਖ਼ਤ ਵਾਪਸ ਲੈ ਸਕਦੇ ਹੋ।

token-petition-confirm-heading = ਆਪਣੇ ਦਸਤਖ਼ਤ ਦੀ ਪੁਸ਼ਟੀ ਕਰੋ
token-petition-confirm-line-1 = ਤੁਸੀਂ “{ $title }” ਤੇ ਦਸਤਖ਼ਤ ਕਰਨ ਲੱਗੇ ਹੋ।
token-petition-confirm-line-2 = ਜਦੋਂ ਤੱਕ ਤੁਸੀਂ ਬਟਨ ਨਹੀਂ ਦਬਾਉਂਦੇ, ਕੁਝ ਨਹੀਂ ਗਿਣਿਆ ਜਾਂਦਾ।
token-petition-confirm-button = ਹਾਂ, ਮੈਂ ਦਸਤਖ਼ਤ ਕਰਦਾ/ਕਰਦੀ ਹਾਂ
token-petition-confirm-done-heading = ਧੰਨਵਾਦ। ਤੁਹਾਡਾ ਦਸਤਖ਼ਤ ਗਿਣਿਆ ਗਿਆ ਹੈ।
token-petition-confirm-done-line-1 = ਤੁਸੀਂ “{ $title }” ਤੇ ਦਸਤਖ਼ਤ ਕਰ ਦਿੱਤੇ ਹਨ।
token-petition-confirm-done-line-2 = ਸਾਡੀ ਅਗਲੀ ਈਮੇਲ ਵਿੱਚ ਇੱਕ ਲਿੰਕ ਹੈ ਜਿਸ ਨਾਲ ਤੁਸੀਂ ਆਪਣਾ ਦਸਤਖ਼ਤ ਵਾਪਸ ਲੈ ਸਕਦੇ ਹੋ।
token-petition-manage-heading = ਤੁਹਾਡਾ ਦਸਤਖ਼ਤ
token-petition-manage-line-1 = ਤੁਸੀਂ “{ $title }” ਤੇ ਦਸਤਖ਼ਤ ਕੀਤੇ ਹਨ।
token-petition-manage-line-2 = ਤੁਸੀਂ ਆਪਣਾ ਦਸਤਖ਼ਤ ਵਾਪਸ ਲੈ ਸਕਦੇ ਹੋ। ਫਿਰ ਉਹ ਗਿਣਿਆ ਨਹੀਂ ਜਾਵੇਗਾ।
token-petition-manage-button = ਮੇਰਾ ਦਸਤਖ਼ਤ ਵਾਪਸ ਲਓ
token-petition-manage-done-heading = ਤੁਹਾਡਾ ਦਸਤਖ਼ਤ ਵਾਪਸ ਲੈ ਲਿਆ ਗਿਆ ਹੈ
token-petition-manage-done-line-1 = ਉਹ ਹੁਣ “{ $title }” ਲਈ ਨਹੀਂ ਗਿਣਿਆ ਜਾਂਦਾ। ਤੁਸੀਂ ਕਦੇ ਵੀ ਵਾਪਸ ਆ ਸਕਦੇ ਹੋ।
petition-letter-title = ਤੁਹਾਡੀ ਚਿੱਠੀ
petition-letter-hint = ਦਸਤਖ਼ਤ ਪੱਕੇ ਕਰਨ ਤੋਂ ਬਾਅਦ ਇਹ ਚਿੱਠੀ ਵੀ ਭੇਜੀ ਜਾਂਦੀ ਹੈ। ਚਾਹੋ ਤਾਂ ਇਸਨੂੰ ਬਦਲੋ: ਤੁਹਾਡੇ ਆਪਣੇ ਸ਼ਬਦਾਂ ਦਾ ਸਭ ਤੋਂ ਵੱਧ ਅਸਰ ਹੁੰਦਾ ਹੈ।
petition-keep-nothing = ਮੈਨੂੰ ਗਿਣੋ, ਕੁਝ ਨਾ ਰੱਖੋ: ਮੇਰੀ ਪੁਸ਼ਟੀ ਹੁੰਦਿਆਂ ਹੀ ਮੇਰਾ ਨਾਂ ਅਤੇ ਪਤਾ ਮਿਟਾ ਦਿਓ
petition-keeps-nothing = ਤੁਹਾਡੀ ਪੁਸ਼ਟੀ ਹੁੰਦਿਆਂ ਹੀ ਅਸੀਂ ਤੁਹਾਡਾ ਨਾਂ ਅਤੇ ਪਤਾ ਮਿਟਾ ਦਿੰਦੇ ਹਾਂ। ਸਿਰਫ਼ ਗਿਣਤੀ ਰਹਿੰਦੀ ਹੈ।
token-nothing-kept = ਅਸੀਂ ਤੁਹਾਡਾ ਨਾਂ ਅਤੇ ਪਤਾ ਮਿਟਾ ਦਿੱਤਾ ਹੈ। ਸਿਰਫ਼ ਗਿਣਤੀ ਰਹਿੰਦੀ ਹੈ।
token-keep-link = ਇਹ ਲਿੰਕ ਸੰਭਾਲ ਕੇ ਰੱਖੋ: ਇਹ ਤੁਹਾਡੀ ਜਾਣਕਾਰੀ ਤੱਕ ਲੈ ਜਾਂਦਾ ਹੈ
petition-comments-title = ਲੋਕ ਕੀ ਕਹਿੰਦੇ ਹਨ
petition-comments-somebody = ਇੱਕ ਸਮਰਥਕ
petition-extra = ਅਤੇ { $n } ਕਾਗ਼ਜ਼ ਤੇ
