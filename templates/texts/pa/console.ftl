console-title = ਪ੍ਰਬੰਧਕ ਕੰਸੋਲ
console-sign-in-title = ਸਾਈਨ ਇਨ ਕਰੋ
console-sign-in-lead = ਪ੍ਰਬੰਧਕਾਂ ਲਈ। ਸਮਰਥਕਾਂ ਨੂੰ ਖਾਤੇ ਦੀ ਲੋੜ ਨਹੀਂ।
console-email = ਈਮੇਲ ਪਤਾ
console-password = ਪਾਸਵਰਡ
console-sign-in-button = ਸਾਈਨ ਇਨ ਕਰੋ
console-sign-in-failed = ਈਮੇਲ ਪਤਾ ਜਾਂ ਪਾਸਵਰਡ ਗ਼ਲਤ ਹੈ।
console-sign-in-locked = ਬਹੁਤ ਜ਼ਿਆਦਾ ਕੋਸ਼ਿਸ਼ਾਂ ਹੋਈਆਂ। 15 ਮਿੰਟ ਤੱਕ ਉਡੀਕ ਕਰੋ, ਜਾਂ ਉਹ ਡਿਵਾਈਸ ਵਰਤੋ ਜਿਸ ’ਤੇ ਤੁਸੀਂ ਪਹਿਲਾਂ ਸਾਈਨ ਇਨ ਕੀਤਾ ਹੈ।
console-sign-in-check = ਥੋੜ੍ਹੇ ਸਮੇਂ ਵਿੱਚ ਬਹੁਤ ਕੋਸ਼ਿਸ਼ਾਂ ਹੋਈਆਂ। ਆਪਣਾ ਪਾਸਵਰਡ ਦੁਬਾਰਾ ਭਰੋ; ਅਸੀਂ ਇਸ ਨੂੰ ਹੇਠਲੀ ਸੁਰੱਖਿਆ ਜਾਂਚ ਤੋਂ ਬਾਅਦ ਜਾਂਚਾਂਗੇ।
console-sign-out = ਸਾਈਨ ਆਊਟ ਕਰੋ
console-signed-in-as = { $name } ({ $role })
role-owner = ਮਾਲਕ
role-organizer = ਪ੍ਰਬੰਧਕ
role-host = ਮੇਜ਼ਬਾਨ
role-viewer = ਸਿਰਫ਼ ਵੇਖਣਾ
console-petitions = ਪਟੀਸ਼ਨਾਂ
console-events = ਸਮਾਗਮ
console-letters = ਚਿੱਠੀਆਂ
console-mail = ਈਮੇਲ ਕਤਾਰ
console-none = ਹਾਲੇ ਕੋਈ ਨਹੀਂ।
console-col-title = ਸਿਰਲੇਖ
console-col-state = ਸਥਿਤੀ
console-col-counted = ਦਸਤਖ਼ਤ
console-col-public = ਜਨਤਕ ਕੁੱਲ
console-col-when = ਕਦੋਂ
console-col-capacity = ਸਮਰੱਥਾ
console-col-accepted = ਰਜਿਸਟਰ ਹੋਏ
console-col-waitlisted = ਉਡੀਕ ਸੂਚੀ
console-col-live = ਭੇਜਣਾ
console-col-written = ਲਿਖੀਆਂ
console-col-sent = ਭੇਜੀਆਂ
console-col-failed = ਅਸਫਲ
console-col-list = ਸੂਚੀ
console-col-actions = ਕਾਰਵਾਈਆਂ
console-col-class = ਕਿਸਮ
console-col-count = ਈਮੇਲਾਂ
console-col-oldest = ਸਭ ਤੋਂ ਪੁਰਾਣੀ
console-export = ਐਕਸਪੋਰਟ ਕਰੋ
console-export-named = ਐਕਸਪੋਰਟ ਕਰੋ: “{ $title }” ਦੀ ਸੂਚੀ
console-export-note = ਡਾਊਨਲੋਡ ਕੀਤੀ ਸੂਚੀ ਦੀ ਰਾਖੀ ਅਸੀਂ ਨਹੀਂ ਕਰ ਸਕਦੇ। ਇਸ ਨੂੰ ਇਨਕ੍ਰਿਪਟ ਕਰਕੇ ਰੱਖੋ, ਸਿਰਫ਼ ਉਨ੍ਹਾਂ ਨੂੰ ਦਿਓ ਜਿਨ੍ਹਾਂ ਨੂੰ ਲੋੜ ਹੈ, ਅਤੇ ਕੰਮ ਮੁੱਕਣ ’ਤੇ ਮਿਟਾ ਦਿਓ।
console-protected-numbers = ਸੁਰੱਖਿਅਤ ਕਾਰਵਾਈਆਂ ਦੀਆਂ ਗਿਣਤੀਆਂ ਦਿਨ ਵਿੱਚ ਇੱਕ ਵਾਰ ਬਦਲਦੀਆਂ ਹਨ ਅਤੇ ਹੇਠਲੇ ਦਹਾਕੇ ਤੱਕ ਗੋਲ ਕੀਤੀਆਂ ਜਾਂਦੀਆਂ ਹਨ। ਪੂਰੀ ਗਿਣਤੀ ਤੋਂ ਪਤਾ ਲੱਗ ਸਕਦਾ ਹੈ ਕਿ ਕਿਸ ਨੇ ਹਿੱਸਾ ਲਿਆ।
console-live-yes = ਚਾਲੂ
console-live-no = ਰੋਕੀਆਂ ਹੋਈਆਂ
letters-releasing = ਭੇਜਣ ਦੀ ਕਤਾਰ ਵਿੱਚ ਪਾਈਆਂ: { $n }
letters-holding = ਰੋਕੀਆਂ ਗਈਆਂ: { $n }
letters-failed = ਪੂਰਾ ਨਹੀਂ ਹੋਇਆ। ਜਾਰੀ ਰੱਖਣ ਲਈ ਕਾਰਵਾਈ ਨੂੰ ਦੁਬਾਰਾ ਸੇਵ ਕਰੋ।
console-unlimited = ਕੋਈ ਹੱਦ ਨਹੀਂ
console-mail-empty = ਕਤਾਰ ਖ਼ਾਲੀ ਹੈ।
state-draft = ਖਰੜਾ
state-published = ਪ੍ਰਕਾਸ਼ਿਤ
state-paused = ਰੋਕੀ ਹੋਈ
state-closed = ਬੰਦ
state-won = ਜਿੱਤੀ
state-lost = ਨਹੀਂ ਜਿੱਤੀ
state-cancelled = ਰੱਦ
mail-state-queued = ਕਤਾਰ ਵਿੱਚ
mail-state-sending = ਭੇਜੀ ਜਾ ਰਹੀ
mail-state-sent = ਭੇਜੀ ਗਈ
mail-state-failed = ਅਸਫਲ
mail-state-uncertain = ਪਹੁੰਚ ਅਨਿਸ਼ਚਿਤ
mail-state-cancelled = ਰੱਦ
mail-state-bounced = ਵਾਪਸ ਮੁੜੀ
mail-state-complained = ਸਪੈਮ ਦੱਸੀ ਗਈ
mail-class-confirmation = ਪੁਸ਼ਟੀ ਈਮੇਲਾਂ
mail-class-urgent = ਜ਼ਰੂਰੀ ਤਬਦੀਲੀਆਂ
mail-class-letter = ਅਧਿਕਾਰੀਆਂ ਨੂੰ ਚਿੱਠੀਆਂ
mail-class-notice = ਧੰਨਵਾਦ ਅਤੇ ਯਾਦ-ਦਹਾਨੀਆਂ
mail-class-update = ਈਮੇਲ ਅੱਪਡੇਟ

mailbox-title = ਡੈਮੋ ਇਨਬਾਕਸ
mailbox-lead = ਡੈਮੋ: ਇਸ ਕੰਪਿਊਟਰ ਤੋਂ ਕੋਈ ਈਮੇਲ ਬਾਹਰ ਨਹੀਂ ਜਾਂਦੀ। ਇਹ ਉਹ ਈਮੇਲਾਂ ਹਨ ਜੋ ਭੇਜੀਆਂ ਜਾਣੀਆਂ ਸਨ, ਨਵੀਆਂ ਪਹਿਲਾਂ।
mailbox-empty = ਹਾਲੇ ਕੋਈ ਈਮੇਲ ਨਹੀਂ। ਕਿਸੇ ਪਟੀਸ਼ਨ ’ਤੇ ਦਸਤਖ਼ਤ ਕਰੋ, ਪੁਸ਼ਟੀ ਈਮੇਲ ਇੱਥੇ ਦਿਸੇਗੀ।
mailbox-back = ਇਨਬਾਕਸ ’ਤੇ ਵਾਪਸ
mailbox-to = ਵੱਲ
mailbox-from = ਵੱਲੋਂ
mailbox-reply-to = ਜਵਾਬ ਇਸ ਪਤੇ ’ਤੇ
mailbox-date = ਤਾਰੀਖ਼
mailbox-text = ਸਾਦੀ ਲਿਖਤ
mailbox-html = ਫ਼ਾਰਮੈਟ ਕੀਤੀ ਈਮੇਲ
mailbox-links = ਇਸ ਈਮੇਲ ਵਿਚਲੇ ਲਿੰਕ
mailbox-attachments = ਨਾਲ ਲੱਗੀਆਂ ਫ਼ਾਈਲਾਂ
mailbox-headers = ਸਾਰੇ ਹੈਡਰ

# one petition
console-back = ਵਾਪਸ
console-page-previous = ਪਿਛਲਾ ਪੰਨਾ
console-page-next = ਅਗਲਾ ਪੰਨਾ
console-page-number = ਪੰਨਾ { $n } / { $total }
console-not-saved = ਤੁਹਾਡੀਆਂ ਤਬਦੀਲੀਆਂ ਸੇਵ ਨਹੀਂ ਹੋਈਆਂ
console-not-saved-hint = ਕੁਝ ਨਹੀਂ ਬਦਲਿਆ। ਆਪਣੇ ਭਰੇ ਹੋਏ ਫ਼ਾਰਮ ’ਤੇ ਵਾਪਸ ਜਾਣ ਲਈ ਬ੍ਰਾਊਜ਼ਰ ਦਾ ਵਾਪਸ ਬਟਨ ਵਰਤੋ।
console-done = ਹੋ ਗਿਆ।
console-would-change = { $count ->
    [one] ਝਲਕ: { $n } ਦਸਤਖ਼ਤ ਬਦਲੇਗਾ।
   *[other] ਝਲਕ: { $n } ਦਸਤਖ਼ਤ ਬਦਲਣਗੇ।
}
console-preview-link = ਝਲਕ ਦਾ ਨਿੱਜੀ ਲਿੰਕ:
console-results = ਨਤੀਜੇ
console-public-total = ਜਨਤਕ ਕੁੱਲ
console-live-total = ਇਸ ਵੇਲੇ ਦਾ ਕੁੱਲ (ਅੰਦਰੂਨੀ)
console-paper-total = ਕਾਗ਼ਜ਼ ’ਤੇ ਦਸਤਖ਼ਤ
console-goal = ਟੀਚਾ
console-verified = ਕੁੱਲ ਦੀ ਆਖ਼ਰੀ ਜਾਂਚ
console-recount = ਕੁੱਲ ਦੁਬਾਰਾ ਗਿਣੋ
console-by-source = ਸਰੋਤ ਕੋਡ ਅਨੁਸਾਰ
console-by-region = ਸੂਬੇ ਜਾਂ ਦੇਸ਼ ਅਨੁਸਾਰ
console-status = ਸਥਿਤੀ ਅਤੇ ਸਮਾਂ-ਸੂਚੀ
console-public-note = ਜਨਤਕ ਨੋਟ (ਪੰਨੇ ’ਤੇ ਦਿਸਦਾ ਹੈ)
console-save = ਸੇਵ ਕਰੋ
console-history = ਇਤਿਹਾਸ
console-goal-title = ਟੀਚਾ ਅਤੇ ਪੜਾਅ
console-milestones = ਆਪਣੇ ਮਿੱਥੇ ਪੜਾਅ
console-raises-goal = ਟੀਚਾ ਆਪਣੇ ਆਪ ਵਧਾਓ
console-picture = ਤਸਵੀਰ
console-picture-consent = ਕੀ ਲੋਕ ਪਛਾਣੇ ਜਾ ਸਕਦੇ ਹਨ? ਪਹਿਲਾਂ ਹਰ ਇੱਕ ਦੀ ਸਹਿਮਤੀ ਲਓ: ਰੈਲੀ ਦੀ ਫ਼ੋਟੋ ਤੋਂ ਲੋਕਾਂ ਦੀ ਪਛਾਣ ਹੋ ਸਕਦੀ ਹੈ। ਅਸੀਂ ਫ਼ਾਈਲ ਵਿੱਚੋਂ ਥਾਂ ਅਤੇ ਸਮਾਂ ਹਟਾ ਦਿੰਦੇ ਹਾਂ।
console-alt = ਤਸਵੀਰ ਦਾ ਵੇਰਵਾ (alt text)
console-file-picture = ਤਸਵੀਰ ਦੀ ਫ਼ਾਈਲ (JPEG, PNG ਜਾਂ WebP)
console-upload = ਅੱਪਲੋਡ ਕਰੋ
console-held = ਜਾਂਚ ਲਈ ਰੋਕੇ ਦਸਤਖ਼ਤ
console-held-none = ਕੋਈ ਦਸਤਖ਼ਤ ਜਾਂਚ ਲਈ ਨਹੀਂ ਰੋਕਿਆ ਗਿਆ।
console-held-count = { $count ->
    [one] { $n } ਦਸਤਖ਼ਤ ਦੀ ਜਾਂਚ ਹੋਣੀ ਹੈ।
   *[other] { $n } ਦਸਤਖ਼ਤਾਂ ਦੀ ਜਾਂਚ ਹੋਣੀ ਹੈ।
}
console-col-why = ਕਾਰਨ
console-col-who = ਨਾਂ
console-review-counted = ਮਨਜ਼ੂਰ ਕਰੋ
console-review-invalid = ਨਾਮਨਜ਼ੂਰ ਕਰੋ
suspicion-network = ਇੱਕੋ ਨੈੱਟਵਰਕ ਤੋਂ ਬਹੁਤ ਸਾਰੇ
suspicion-domain = ਇੱਕੋ ਈਮੇਲ ਡੋਮੇਨ ਤੋਂ ਬਹੁਤ ਸਾਰੇ
suspicion-form = ਸਵੈਚਲਿਤ ਲੱਗਦਾ ਹੈ
suspicion-organizer = ਪ੍ਰਬੰਧਕ ਨੇ ਰੋਕਿਆ
console-bulk = ਇਕੱਠੀ ਜਾਂਚ
console-bulk-hint = ਦੱਸੋ ਕਿ ਦਸਤਖ਼ਤਾਂ ਵਿੱਚ ਕੀ ਸਾਂਝਾ ਹੈ। ਦਸਤਖ਼ਤ ਤਾਂ ਹੀ ਚੁਣਿਆ ਜਾਂਦਾ ਹੈ ਜੇ ਤੁਹਾਡੇ ਭਰੇ ਸਾਰੇ ਖ਼ਾਨੇ ਉਸ ’ਤੇ ਲਾਗੂ ਹੋਣ। ਪਹਿਲਾਂ ਝਲਕ ਵੇਖੋ: ਜਦੋਂ ਤੱਕ “ਸਿਰਫ਼ ਝਲਕ” ਚੁਣਿਆ ਹੈ ਕੁਝ ਨਹੀਂ ਬਦਲਦਾ, ਅਤੇ ਇਹ ਵਾਪਸ ਵੀ ਹੋ ਸਕਦਾ ਹੈ।
console-action = ਕਾਰਵਾਈ
effect-invalidate = ਦਸਤਖ਼ਤ ਨਾਮਨਜ਼ੂਰ ਕਰੋ
effect-release = ਰੋਕੇ ਹੋਏ ਦਸਤਖ਼ਤ ਮਨਜ਼ੂਰ ਕਰੋ
console-bulk-domain = ਈਮੇਲ ਡੋਮੇਨ
console-bulk-name = ਨਾਂ
console-bulk-country = ਦੇਸ਼ ਕੋਡ
console-bulk-source = ਸਰੋਤ ਕੋਡ
console-bulk-network = ਇਸ ਦਸਤਖ਼ਤ ਵਾਲਾ ਨੈੱਟਵਰਕ (ID)
console-reason = ਕਾਰਨ (ਅੰਦਰੂਨੀ)
console-run = ਚਲਾਓ
console-jobs = ਇਕੱਠੀਆਂ ਜਾਂਚਾਂ
console-progress = ਪ੍ਰਗਤੀ
console-changed = { $n } ਬਦਲੇ
console-cancel = ਰੱਦ ਕਰੋ
console-undo = ਵਾਪਸ ਕਰੋ
job-running = ਚੱਲ ਰਿਹਾ ਹੈ
job-done = ਹੋ ਗਿਆ
job-cancelled = ਰੱਦ
job-undoing = ਵਾਪਸ ਹੋ ਰਿਹਾ ਹੈ
job-undone = ਵਾਪਸ ਹੋਇਆ
job-failed = ਅਸਫਲ
job-error-internal = ਸਾਡੇ ਸਰਵਰ ’ਤੇ ਇੱਕ ਕਦਮ ਅਸਫਲ ਹੋਇਆ।
job-error-panicked = ਸਾਡੇ ਸਰਵਰ ’ਤੇ ਇੱਕ ਕਦਮ ਵਿਚਕਾਰ ਰੁਕ ਗਿਆ।
job-error-too_slow = ਇੱਕ ਕਦਮ ਨੂੰ ਬਹੁਤ ਸਮਾਂ ਲੱਗਿਆ।
job-error-worker_died = ਸਰਵਰ ਇੱਕ ਕਦਮ ਦੇ ਵਿਚਕਾਰ ਬੰਦ ਹੋ ਗਿਆ।
job-error-vault_closed = ਇਨ੍ਹਾਂ ਲੋਕਾਂ ਦਾ ਡਾਟਾ ਹੁਣ ਡੀਕ੍ਰਿਪਟ ਨਹੀਂ ਹੋ ਸਕਦਾ।
job-error-too_long = ਇੱਕ ਕਤਾਰ ਬਹੁਤ ਲੰਮੀ ਹੈ, ਜਾਂ ਉਸ ਵਿੱਚ ਹਵਾਲਾ ਚਿੰਨ੍ਹ ਬੰਦ ਨਹੀਂ ਹੁੰਦਾ।
job-error-unreadable = ਫ਼ਾਈਲ ਦਾ ਇੱਕ ਹਿੱਸਾ ਗੁੰਮ ਹੈ ਜਾਂ ਖੋਲ੍ਹਿਆ ਨਹੀਂ ਜਾ ਸਕਦਾ।
job-error-not_understood = ਬੇਨਤੀ ਹੁਣ ਪੜ੍ਹੀ ਨਹੀਂ ਜਾ ਸਕਦੀ। ਨਵੇਂ ਸਿਰੇ ਤੋਂ ਸ਼ੁਰੂ ਕਰੋ।
job-retry = ਦੁਬਾਰਾ ਕੋਸ਼ਿਸ਼ ਹੋ ਰਹੀ ਹੈ (ਹੁਣ ਤੱਕ 10 ਵਿੱਚੋਂ { $n })।
console-comments = ਮਨਜ਼ੂਰੀ ਲਈ ਟਿੱਪਣੀਆਂ
console-comments-none = ਮਨਜ਼ੂਰੀ ਲਈ ਕੋਈ ਟਿੱਪਣੀ ਨਹੀਂ।
console-comments-count = { $count ->
    [one] ਮਨਜ਼ੂਰੀ ਲਈ { $n } ਟਿੱਪਣੀ।
   *[other] ਮਨਜ਼ੂਰੀ ਲਈ { $n } ਟਿੱਪਣੀਆਂ।
}
console-comment-shown = ਪ੍ਰਕਾਸ਼ਿਤ ਕਰੋ
console-comment-hidden = ਲੁਕਾਓ
console-import = ਦਸਤਖ਼ਤ ਇੰਪੋਰਟ ਕਰੋ (CSV ਜਾਂ Excel)
console-import-hint = ਸਿਰਲੇਖ ਕਤਾਰ ਵਾਲੀ CSV ਫ਼ਾਈਲ ਜਾਂ Excel ਵਰਕਬੁੱਕ (.xlsx)। ਸਿਰਫ਼ ਉਹ ਲੋਕ ਪਾਓ ਜੋ ਇਸ ਪਟੀਸ਼ਨ ’ਤੇ ਦਸਤਖ਼ਤ ਲਈ ਮੰਨੇ। ਪਹਿਲਾਂ ਪਰਖ ਕਰੋ: ਹਰ ਕਤਾਰ ਜਾਂਚੀ ਜਾਂਦੀ ਹੈ ਅਤੇ ਕੁਝ ਸੇਵ ਨਹੀਂ ਹੁੰਦਾ।
console-import-separator = ਵੱਖ ਕਰਨ ਵਾਲਾ ਚਿੰਨ੍ਹ
console-import-assumed = { $encoding } ਵਜੋਂ ਪੜ੍ਹੀ, “{ $separator }” ਨਾਲ ਵੱਖ ਕੀਤੀ।
console-import-sheet = ਸ਼ੀਟ “{ $sheet }” ਤੋਂ ਪੜ੍ਹੀ।
import-dates-day_first = 03/04/2026 ਵਰਗੀਆਂ ਤਾਰੀਖ਼ਾਂ ਵਿੱਚ ਦਿਨ ਪਹਿਲਾਂ ਪੜ੍ਹਿਆ ਜਾਂਦਾ ਹੈ: 3 ਅਪ੍ਰੈਲ।
import-dates-month_first = 03/04/2026 ਵਰਗੀਆਂ ਤਾਰੀਖ਼ਾਂ ਵਿੱਚ ਮਹੀਨਾ ਪਹਿਲਾਂ ਪੜ੍ਹਿਆ ਜਾਂਦਾ ਹੈ: 4 ਮਾਰਚ।
console-import-encoding = ਐਨਕੋਡਿੰਗ
console-import-preview = ਪਹਿਲੀਆਂ ਕਤਾਰਾਂ
console-import-again = ਜੇ ਇਹ ਠੀਕ ਨਹੀਂ, ਤਾਂ ਫ਼ਾਈਲ ਫਿਰ ਅੱਪਲੋਡ ਕਰੋ ਅਤੇ ਵੱਖ ਕਰਨ ਵਾਲਾ ਚਿੰਨ੍ਹ ਅਤੇ ਐਨਕੋਡਿੰਗ ਚੁਣੋ।
file-empty = ਫ਼ਾਈਲ ਖਾਲੀ ਹੈ।
file-header-too-long = ਸਿਰਲੇਖ ਕਤਾਰ ਬਹੁਤ ਲੰਮੀ ਹੈ।
file-too-many-columns = ਫ਼ਾਈਲ ਵਿੱਚ 1,000 ਤੋਂ ਵੱਧ ਕਾਲਮ ਹਨ। ਜਿਹੜੇ ਨਹੀਂ ਚਾਹੀਦੇ, ਉਹ ਮਿਟਾਓ।
file-no-header = ਪਹਿਲੀ ਕਤਾਰ ਵਿੱਚ ਈਮੇਲ ਪਤਾ ਹੈ। ਇਸ ਤੋਂ ਪਹਿਲਾਂ ਕਾਲਮਾਂ ਦੇ ਨਾਂਵਾਂ ਵਾਲੀ ਕਤਾਰ ਪਾਓ।
file-not-utf8 = ਇਹ ਫ਼ਾਈਲ UTF-8 ਨਹੀਂ ਹੈ। ਇਸ ਨੂੰ “CSV UTF-8” ਜਾਂ Excel ਵਰਕਬੁੱਕ (.xlsx) ਵਜੋਂ ਸੇਵ ਕਰੋ।
file-not-text = ਇਹ ਟੈਕਸਟ ਫ਼ਾਈਲ ਨਹੀਂ ਹੈ। ਇਸ ਨੂੰ “CSV UTF-8” ਜਾਂ Excel ਵਰਕਬੁੱਕ (.xlsx) ਵਜੋਂ ਸੇਵ ਕਰੋ।
file-old-excel = ਇਹ ਪੁਰਾਣੇ Excel ਦੀ ਵਰਕਬੁੱਕ (.xls) ਹੈ। ਇਸ ਨੂੰ Excel ਵਰਕਬੁੱਕ (.xlsx) ਜਾਂ “CSV UTF-8” ਵਜੋਂ ਸੇਵ ਕਰੋ।
file-password = ਇਸ ਵਰਕਬੁੱਕ ’ਤੇ ਪਾਸਵਰਡ ਲੱਗਾ ਹੈ। ਬਿਨਾਂ ਪਾਸਵਰਡ ਵਾਲੀ ਕਾਪੀ ਸੇਵ ਕਰੋ।
file-binary-excel = ਇਹ ਬਾਈਨਰੀ ਵਰਕਬੁੱਕ (.xlsb) ਹੈ। ਇਸ ਨੂੰ Excel ਵਰਕਬੁੱਕ (.xlsx) ਜਾਂ “CSV UTF-8” ਵਜੋਂ ਸੇਵ ਕਰੋ।
file-open-document = ਇਹ LibreOffice ਦੀ ਵਰਕਬੁੱਕ (.ods) ਹੈ। ਇਸ ਨੂੰ Excel ਵਰਕਬੁੱਕ (.xlsx) ਜਾਂ “Text CSV” ਵਜੋਂ ਸੇਵ ਕਰੋ।
file-numbers = ਇਹ Numbers ਦੀ ਫ਼ਾਈਲ ਹੈ। ਇਸ ਨੂੰ Excel (.xlsx) ਜਾਂ CSV ਵਜੋਂ ਐਕਸਪੋਰਟ ਕਰੋ।
file-archive = ਇਹ ਆਰਕਾਈਵ ਹੈ, ਜਾਂ ਅਜਿਹੀ ਵਰਕਬੁੱਕ ਜੋ ਪੜ੍ਹੀ ਨਹੀਂ ਜਾ ਸਕਦੀ। ਜੇ ਆਰਕਾਈਵ ਹੈ ਤਾਂ ਇਸ ਨੂੰ ਖੋਲ੍ਹ ਕੇ ਸੂਚੀ ਵਾਲੀ ਫ਼ਾਈਲ ਭੇਜੋ। ਨਹੀਂ ਤਾਂ ਵਰਕਬੁੱਕ ਖੋਲ੍ਹੋ ਅਤੇ ਸ਼ੀਟ ਨੂੰ “CSV UTF-8” ਵਜੋਂ ਸੇਵ ਕਰੋ।
file-workbook-too-large = ਇਹ ਵਰਕਬੁੱਕ ਬਹੁਤ ਵੱਡੀ ਹੈ। ਸੂਚੀ ਵਾਲੀ ਸ਼ੀਟ “CSV UTF-8” ਵਜੋਂ ਸੇਵ ਕਰੋ ਅਤੇ ਉਹ ਫ਼ਾਈਲ ਭੇਜੋ।
file-pdf = ਇਹ PDF ਹੈ। ਸੂਚੀ ਦੀ ਅਸਲੀ ਸਾਰਣੀ Excel ਵਰਕਬੁੱਕ (.xlsx) ਜਾਂ CSV ਵਜੋਂ ਭੇਜੋ।
file-cards = ਇਹ ਐਡਰੈੱਸ ਬੁੱਕ ਜਾਂ ਕੈਲੰਡਰ ਹੈ। ਸੰਪਰਕਾਂ ਨੂੰ CSV ਵਜੋਂ ਐਕਸਪੋਰਟ ਕਰੋ।
file-web-page = ਇਹ ਵੈੱਬ ਸਫ਼ਾ ਜਾਂ XML ਹੈ। ਸਾਰਣੀ ਨੂੰ “CSV UTF-8” ਜਾਂ Excel ਵਰਕਬੁੱਕ (.xlsx) ਵਜੋਂ ਸੇਵ ਕਰੋ।
console-file-csv = CSV ਫ਼ਾਈਲ ਜਾਂ ਵਰਕਬੁੱਕ
console-test-run = ਪਰਖ
import-uploading = ਅੱਪਲੋਡ ਹੋ ਰਹੀ ਹੈ
import-uploaded = ਅੱਪਲੋਡ ਹੋਈ
import-running = ਚੱਲ ਰਹੀ ਹੈ
import-checked = ਜਾਂਚੀ ਗਈ
import-done = ਇੰਪੋਰਟ ਹੋਈ
import-cancelled = ਰੱਦ
import-failed = ਅਸਫਲ
console-import-numbers = { $lines } ਕਤਾਰਾਂ: { $imported } ਨਵੀਆਂ, { $duplicates } ਪਹਿਲਾਂ ਦਸਤਖ਼ਤ ਵਾਲੀਆਂ, { $refused } ਨਾਮਨਜ਼ੂਰ।
console-rejected-lines = ਨਾਮਨਜ਼ੂਰ ਕਤਾਰਾਂ (CSV)
console-mapping = ਕਾਲਮ ਮਿਲਾਓ
import-field-email = ਈਮੇਲ
import-field-given-name = ਪਹਿਲਾ ਨਾਂ
import-field-family-name = ਗੋਤ ਜਾਂ ਆਖ਼ਰੀ ਨਾਂ
import-field-phone = ਫ਼ੋਨ
import-field-postal-code = ਡਾਕ ਕੋਡ
import-field-city = ਸ਼ਹਿਰ
import-field-country = ਦੇਸ਼
import-field-language = ਭਾਸ਼ਾ
import-field-comments = ਟਿੱਪਣੀ
import-field-signed-on = ਦਸਤਖ਼ਤ ਦੀ ਤਾਰੀਖ਼
import-field-consent-updates = ਈਮੇਲ ਅੱਪਡੇਟ ਲਈ ਸਹਿਮਤੀ (ਹਾਂ ਜਾਂ ਨਹੀਂ)
import-field-date-order = 03/04/2026 ਵਰਗੀਆਂ ਤਾਰੀਖ਼ਾਂ ਵਿੱਚ ਕ੍ਰਮ
import-date-day_first = ਪਹਿਲਾਂ ਦਿਨ: 3 ਅਪ੍ਰੈਲ
import-date-month_first = ਪਹਿਲਾਂ ਮਹੀਨਾ: 4 ਮਾਰਚ
console-import-wording = ਸਹਿਮਤੀ ਦੇ ਐਨ ਸ਼ਬਦ
console-paper = ਕਾਗ਼ਜ਼ ’ਤੇ ਦਸਤਖ਼ਤ
console-paper-reference = ਬੈਚ ਦਾ ਹਵਾਲਾ
console-paper-sheets = ਪੰਨੇ
console-remove = ਮਿਟਾਓ
console-add = ਜੋੜੋ
console-clicks = { $count ->
    [one] { $n } ਕਲਿੱਕ
   *[other] { $n } ਕਲਿੱਕ
}
console-short-link = ਨਵਾਂ ਛੋਟਾ ਲਿੰਕ: /go/…
console-source-hint = ਸਰੋਤ ਕੋਡ ਦੱਸਦਾ ਹੈ ਕਿ ਦਸਤਖ਼ਤ ਕਿੱਥੋਂ ਆਇਆ: { $url }?source=ਕੋਡ। ਜੋ ਕੋਡ ਇਸ ਸੂਚੀ ਵਿੱਚ ਨਹੀਂ, ਉਹ “other” ਗਿਣੇ ਜਾਂਦੇ ਹਨ।
console-source-new = ਨਵਾਂ ਸਰੋਤ ਕੋਡ
console-deliveries = ਪਟੀਸ਼ਨ ਸੌਂਪਣਾ
delivery-planned = ਤੈਅ ਕੀਤੀ
delivery-delivered = ਸੌਂਪੀ ਗਈ
console-not-locked = ਅੰਤਿਮ ਗਿਣਤੀ ਅਜੇ ਪੱਕੀ ਨਹੀਂ ਕੀਤੀ ਗਈ।
console-public-page = ਜਨਤਕ ਪੰਨਾ
console-print-sheet = ਸੌਂਪਣ ਵਾਲਾ ਪੰਨਾ ਛਾਪੋ
console-lock-count = ਅੰਤਿਮ ਗਿਣਤੀ ਪੱਕੀ ਕਰੋ
console-mark-delivered = ਸੌਂਪੀ ਗਈ ਵਜੋਂ ਦਰਜ ਕਰੋ
console-note = ਨੋਟ
console-spam-protection = ਸਪੈਮ ਤੋਂ ਸੁਰੱਖਿਆ
console-spam-protection-hint = ਸਾਰੀਆਂ ਪਟੀਸ਼ਨਾਂ ’ਤੇ ਲਾਗੂ। ਹੱਦ ਤੋਂ ਵੱਧ ਦਸਤਖ਼ਤ ਜਾਂਚ ਲਈ ਰੋਕੇ ਜਾਂਦੇ ਹਨ, ਕਦੇ ਗੁਆਚਦੇ ਨਹੀਂ।
console-per-network = ਇੱਕ ਨੈੱਟਵਰਕ ਤੋਂ ਪ੍ਰਤੀ ਘੰਟਾ ਵੱਧ ਤੋਂ ਵੱਧ ਦਸਤਖ਼ਤ
console-per-domain = ਇੱਕ ਈਮੇਲ ਡੋਮੇਨ ਤੋਂ ਪ੍ਰਤੀ ਘੰਟਾ ਵੱਧ ਤੋਂ ਵੱਧ ਦਸਤਖ਼ਤ
console-min-form-seconds = ਫ਼ਾਰਮ ਭਰਨ ਦਾ ਘੱਟੋ-ਘੱਟ ਸਮਾਂ (ਸਕਿੰਟ)
console-signing-paused = ਸਾਰੀਆਂ ਪਟੀਸ਼ਨਾਂ ’ਤੇ ਦਸਤਖ਼ਤ ਰੋਕੋ
console-breakdowns-paused = ਜਨਤਕ ਅੰਕੜੇ ਲੁਕਾਓ
console-allowlist = ਮਨਜ਼ੂਰਸ਼ੁਦਾ ਸੂਚੀ
console-allowlist-hint = ਨੈੱਟਵਰਕ ਅਤੇ ਈਮੇਲ ਡੋਮੇਨ ਜਿੱਥੇ ਬਹੁਤ ਲੋਕ ਇਕੱਠੇ ਦਸਤਖ਼ਤ ਕਰਦੇ ਹਨ, ਜਿਵੇਂ ਸ਼ੈਲਟਰ, ਯੂਨੀਅਨ ਹਾਲ ਅਤੇ ਕੈਂਪਸ। ਪ੍ਰਤੀ ਘੰਟਾ ਹੱਦਾਂ ਉਨ੍ਹਾਂ ’ਤੇ ਲਾਗੂ ਨਹੀਂ ਹੁੰਦੀਆਂ।
console-network = ਨੈੱਟਵਰਕ
sheet-names = ਨਾਂ
sheet-names-note = ਉਹ ਦਸਤਖ਼ਤ ਕਰਨ ਵਾਲੇ ਜੋ ਆਪਣਾ ਨਾਂ ਸੌਂਪਣ ਲਈ ਸਹਿਮਤ ਹੋਏ। ਬਾਕੀ ਸਭ ਉੱਪਰਲੀ ਗਿਣਤੀ ਵਿੱਚ ਬਿਨਾਂ ਨਾਂ ਦੇ ਸ਼ਾਮਲ ਹਨ।
state-archived = ਆਰਕਾਈਵ ਕੀਤੀ
state-ended = ਸਮਾਪਤ

# retention
console-retention = ਡਾਟਾ ਰੱਖਣ ਦੀ ਮਿਆਦ
console-retention-status = 30 ਦਿਨਾਂ ਵਿੱਚ ਮਿਟਣ ਵਾਲਾ ਨਿੱਜੀ ਡਾਟਾ: { $ahead } · ਦੇਰੀ ਵਿੱਚ: { $overdue }
console-retention-default = ਨਿੱਜੀ ਡਾਟਾ ਕਿੰਨਾ ਚਿਰ ਰੱਖਿਆ ਜਾਂਦਾ ਹੈ
console-retention-default-hint = ਉਹਨਾਂ ਕਾਰਵਾਈਆਂ ਲਈ ਜਿਨ੍ਹਾਂ ਵਿੱਚ ਵਾਧੂ ਗੁਪਤਤਾ ਨਹੀਂ ਅਤੇ ਜਿਨ੍ਹਾਂ ਦਾ ਆਪਣਾ ਦਿਨ ਤੈਅ ਨਹੀਂ। ਇਹ ਸਮਾਗਮ ਦੇ ਅੰਤ ਜਾਂ ਕਾਰਵਾਈ ਦੇ ਬੰਦ ਹੋਣ ਤੋਂ ਗਿਣਿਆ ਜਾਂਦਾ ਹੈ। ਉਸ ਤੋਂ ਬਾਅਦ ਹਿੱਸਾ ਲੈਣ ਵਾਲਿਆਂ ਬਾਰੇ ਸਭ ਕੁਝ ਮਿਟਾ ਦਿੱਤਾ ਜਾਂਦਾ ਹੈ; ਕੁੱਲ ਗਿਣਤੀਆਂ ਰਹਿੰਦੀਆਂ ਹਨ।
console-retention-months = ਕਾਰਵਾਈ ਦੇ ਅੰਤ ਤੋਂ ਬਾਅਦ ਮਹੀਨੇ
console-last-day = ਨਿੱਜੀ ਡਾਟਾ ਦਾ ਆਖ਼ਰੀ ਦਿਨ
console-last-day-none = ਖੁੱਲ੍ਹੀ ਰਹਿਣ ਤੱਕ ਕੋਈ ਨਹੀਂ
console-destroy = ਡਾਟਾ ਹੁਣੇ ਮਿਟਾਓ
console-destroy-named = “{ $title }” ਦਾ ਡਾਟਾ ਹੁਣੇ ਮਿਟਾਓ
console-destroy-hint = ਹਿੱਸਾ ਲੈਣ ਵਾਲਿਆਂ ਬਾਰੇ ਸਭ ਕੁਝ ਮਿਟਾ ਦਿੱਤਾ ਜਾਂਦਾ ਹੈ, ਅਤੇ ਹੋਰ ਕੋਈ ਹਿੱਸਾ ਨਹੀਂ ਲੈ ਸਕਦਾ। ਕੁੱਲ ਗਿਣਤੀਆਂ ਰਹਿੰਦੀਆਂ ਹਨ। ਇਸ ਨੂੰ ਵਾਪਸ ਨਹੀਂ ਕੀਤਾ ਜਾ ਸਕਦਾ।
console-destroy-protected = ਪਹਿਲਾਂ ਇਸ ਸੂਚੀ ਦੀ ਕੁੰਜੀ ਨਸ਼ਟ ਕੀਤੀ ਜਾਂਦੀ ਹੈ: ਇੱਕ ਮਿੰਟ ਦੇ ਅੰਦਰ ਇਸ ਨੂੰ ਕੋਈ ਨਹੀਂ ਪੜ੍ਹ ਸਕਦਾ, ਬੈਕਅੱਪ ਵਿੱਚ ਵੀ ਨਹੀਂ।
console-destroy-standard = ਬੈਕਅੱਪ ਵਿਚਲੀਆਂ ਕਾਪੀਆਂ ਉਦੋਂ ਤੱਕ ਪੜ੍ਹੀਆਂ ਜਾ ਸਕਦੀਆਂ ਹਨ ਜਦੋਂ ਤੱਕ ਬੈਕਅੱਪ ਮਿਟਾਏ ਨਹੀਂ ਜਾਂਦੇ।
console-destroy-slug = ਪੁਸ਼ਟੀ ਲਈ { $slug } ਲਿਖੋ
console-destroy-button = ਡਾਟਾ ਹੁਣੇ ਮਿਟਾਓ

# mail and broadcasts
console-mail-delivery = ਈਮੇਲ ਭੇਜਣ ਦੀ ਸਥਿਤੀ
console-mail-paused = ਰੋਕਿਆ ਹੋਇਆ: { $what }।
console-mail-restored = ਇਹ ਡਾਟਾਬੇਸ ਬੈਕਅੱਪ ਤੋਂ ਬਹਾਲ ਕੀਤਾ ਗਿਆ ਹੈ। ਬੈਕਅੱਪ ਤੋਂ ਬਾਅਦ ਭੇਜੀਆਂ ਈਮੇਲਾਂ ਦੁਬਾਰਾ ਜਾਣਗੀਆਂ: ਭੇਜਣਾ ਮੁੜ ਸ਼ੁਰੂ ਕਰਨ ਤੋਂ ਪਹਿਲਾਂ ਕਤਾਰ ਵੇਖੋ।
console-mail-unverified = Muster ਨਹੀਂ ਦੱਸ ਸਕਦਾ ਕਿ ਡਾਟਾਬੇਸ ਦੀ ਇਹ ਕਾਪੀ ਬਣਨ ਤੋਂ ਬਾਅਦ ਈਮੇਲਾਂ ਭੇਜੀਆਂ ਗਈਆਂ ਜਾਂ ਨਹੀਂ। ਕਤਾਰ ਵੇਖੋ; ਭੇਜਣਾ ਤਾਂ ਹੀ ਮੁੜ ਸ਼ੁਰੂ ਕਰੋ ਜੇ ਇਹ ਸਭ ਤੋਂ ਨਵੀਂ ਕਾਪੀ ਹੈ।
console-mail-other-database = ਇਹ ਕਿਸੇ ਹੋਰ ਸਰਵਰ ’ਤੇ ਡਾਟਾਬੇਸ ਦੀ ਕਾਪੀ ਹੈ। ਅਸਲੀ ਜੋ ਈਮੇਲਾਂ ਭੇਜਦਾ ਹੈ ਉਹ ਦੋ ਵਾਰ ਜਾਣਗੀਆਂ: ਭੇਜਣਾ ਤਾਂ ਹੀ ਮੁੜ ਸ਼ੁਰੂ ਕਰੋ ਜੇ ਅਸਲੀ ਹੁਣ ਨਹੀਂ ਭੇਜਦਾ।
console-mail-refused = ਸਰਵਰ { $since } ਤੋਂ ਸਾਡਾ ਖਾਤਾ ਸਵੀਕਾਰ ਨਹੀਂ ਕਰ ਰਿਹਾ; ਅਗਲੀ ਕੋਸ਼ਿਸ਼ { $at }: { $words }
console-mail-held = ਘੰਟੇ ਦੀ ਹੱਦ ਕਰਕੇ ਉਡੀਕ ਵਿੱਚ
console-mail-first-limited = ਪਹਿਲੇ ਸੰਪਰਕ ਦੀਆਂ ਈਮੇਲਾਂ ਇਸ ਘੰਟੇ { $n } ਦੀ ਹੱਦ ਤੱਕ ਪਹੁੰਚ ਗਈਆਂ ਹਨ। ਬਾਕੀ ਅਗਲੇ ਘੰਟੇ ਦੀ ਉਡੀਕ ਵਿੱਚ ਹਨ। ਵੇਖੋ ਕਿ ਕੋਈ ਫ਼ਾਰਮ ਦੀ ਦੁਰਵਰਤੋਂ ਤਾਂ ਨਹੀਂ ਕਰ ਰਿਹਾ।
console-mail-sent-hour = ਪਿਛਲੇ ਘੰਟੇ ਵਿੱਚ ਭੇਜੀਆਂ
console-mail-late = ਇੱਕ ਘੰਟੇ ਤੋਂ ਵੱਧ ਦੇਰ ਨਾਲ
console-mail-uncertain = ਚਿੱਠੀਆਂ ਜਿਨ੍ਹਾਂ ਦੀ ਪਹੁੰਚ ਅਨਿਸ਼ਚਿਤ ਹੈ
console-mail-first = ਇਸ ਘੰਟੇ ਪਹਿਲੇ ਸੰਪਰਕ ਦੀਆਂ ਈਮੇਲਾਂ
console-mail-queue = ਕਤਾਰ
console-mail-pauses = ਰੋਕੋ ਅਤੇ ਮੁੜ ਸ਼ੁਰੂ ਕਰੋ
console-mail-pauses-hint = ਪੂਰੇ ਸਿਸਟਮ ’ਤੇ ਤੁਰੰਤ ਲਾਗੂ। ਜੋ ਈਮੇਲਾਂ ਇਸ ਪਲ ਭੇਜੀਆਂ ਜਾ ਰਹੀਆਂ ਹਨ ਉਹ ਚਲੀਆਂ ਜਾਣਗੀਆਂ।
console-mail-pause = ਰੋਕੋ: { $what }
console-mail-resume = ਮੁੜ ਸ਼ੁਰੂ ਕਰੋ: { $what }
mail-scope-everything = ਸਾਰੀਆਂ ਈਮੇਲਾਂ
mail-scope-confirmation = ਪੁਸ਼ਟੀ ਈਮੇਲਾਂ
mail-scope-urgent = ਜ਼ਰੂਰੀ ਤਬਦੀਲੀਆਂ
mail-scope-letter = ਅਧਿਕਾਰੀਆਂ ਨੂੰ ਚਿੱਠੀਆਂ
mail-scope-notice = ਧੰਨਵਾਦ ਅਤੇ ਯਾਦ-ਦਹਾਨੀਆਂ
mail-scope-update = ਈਮੇਲ ਅੱਪਡੇਟ
console-mail-problems = ਅਸਫਲ, ਵਾਪਸ ਮੁੜੀਆਂ ਜਾਂ ਅਨਿਸ਼ਚਿਤ
console-mail-problems-none = ਕੋਈ ਨਹੀਂ।
console-mail-problems-count = { $count ->
    [one] { $n } ਈਮੇਲ।
   *[other] { $n } ਈਮੇਲਾਂ।
}
console-mail-uncertain-hint = ਜਿਸ ਚਿੱਠੀ ਦੀ ਪਹੁੰਚ ਅਨਿਸ਼ਚਿਤ ਹੈ ਉਹ ਸ਼ਾਇਦ ਪਹੁੰਚ ਗਈ ਹੋਵੇ। ਦੁਬਾਰਾ ਭੇਜਣ ’ਤੇ ਅਧਿਕਾਰੀ ਨੂੰ ਦੋ ਵਾਰ ਮਿਲ ਸਕਦੀ ਹੈ।
console-mail-retry = ਦੁਬਾਰਾ ਭੇਜੋ
console-mail-retry-all = ਸਾਰੀਆਂ ਅਸਫਲ ਈਮੇਲਾਂ ਦੁਬਾਰਾ ਭੇਜੋ
console-mail-retried = { $count ->
    [one] { $n } ਈਮੇਲ ਦੁਬਾਰਾ ਭੇਜੀ ਜਾਵੇਗੀ।
   *[other] { $n } ਈਮੇਲਾਂ ਦੁਬਾਰਾ ਭੇਜੀਆਂ ਜਾਣਗੀਆਂ।
}
console-mail-mailboxes = ਅਧਿਕਾਰੀਆਂ ਦੇ ਮੇਲਬਾਕਸ
console-mail-mailboxes-none = ਕੋਈ ਚਿੱਠੀ ਉਡੀਕ ਵਿੱਚ ਨਹੀਂ ਅਤੇ ਕੋਈ ਮੇਲਬਾਕਸ ਰੋਕਿਆ ਹੋਇਆ ਨਹੀਂ।
console-mail-waiting = { $count ->
    [one] { $n } ਚਿੱਠੀ ਉਡੀਕ ਵਿੱਚ
   *[other] { $n } ਚਿੱਠੀਆਂ ਉਡੀਕ ਵਿੱਚ
}
mailbox-paused-bounced = ਰੋਕਿਆ ਹੋਇਆ ਕਿਉਂਕਿ ਇੱਕ ਚਿੱਠੀ ਵਾਪਸ ਮੁੜੀ। ਪਤਾ ਵੇਖੋ, ਦਫ਼ਤਰ ਠੀਕ ਕਰੋ, ਫਿਰ ਮੁੜ ਸ਼ੁਰੂ ਕਰੋ।
mailbox-paused-complained = ਰੋਕਿਆ ਹੋਇਆ ਕਿਉਂਕਿ ਇੱਕ ਚਿੱਠੀ ਸਪੈਮ ਦੱਸੀ ਗਈ। ਮੁੜ ਸ਼ੁਰੂ ਕਰਨ ਤੋਂ ਪਹਿਲਾਂ ਦਫ਼ਤਰ ਨਾਲ ਸੰਪਰਕ ਕਰੋ।
mailbox-paused-unknown_time_zone = ਰੋਕਿਆ ਹੋਇਆ ਕਿਉਂਕਿ ਇਹ ਸਰਵਰ ਇਸ ਮੇਲਬਾਕਸ ਦਾ ਸਮਾਂ ਖੇਤਰ ਨਹੀਂ ਜਾਣਦਾ। America/Toronto ਵਰਗੇ ਸਮਾਂ ਖੇਤਰ ਨਾਲ ਇਸ ਦਾ ਸਮਾਂ ਦੁਬਾਰਾ ਭਰੋ।
console-mail-rate = ਪ੍ਰਤੀ ਘੰਟਾ ਚਿੱਠੀਆਂ
console-mail-burst = ਇੱਕੋ ਵਾਰ ਵੱਧ ਤੋਂ ਵੱਧ ਚਿੱਠੀਆਂ
console-mail-from = ਹਰ ਰੋਜ਼ ਇਸ ਸਮੇਂ ਤੋਂ ਭੇਜੋ (ਖ਼ਾਲੀ: ਕਿਸੇ ਵੀ ਸਮੇਂ)
console-mail-until = ਇਸ ਵੇਲੇ ਤੱਕ
console-mail-zone = ਸਮਾਂ ਖੇਤਰ
console-mail-relays = ਈਮੇਲ ਭੇਜਣ ਵਾਲੇ ਸਰਵਰ
console-mail-relays-hint = ਹਰ ਸਰਵਰ ਰਾਹੀਂ ਪ੍ਰਤੀ ਘੰਟਾ ਵੱਧ ਤੋਂ ਵੱਧ ਈਮੇਲਾਂ। ਹੱਦ ਨਾ ਲਾਉਣ ਲਈ ਖ਼ਾਲੀ ਛੱਡੋ।
console-mail-providers = ਈਮੇਲ ਪ੍ਰਦਾਤਾ ਅਨੁਸਾਰ, ਪਿਛਲੇ 7 ਦਿਨ
console-mail-provider = ਪ੍ਰਦਾਤਾ
console-mail-other = ਬਾਕੀ ਸਾਰੇ
console-broadcasts = ਈਮੇਲ ਅੱਪਡੇਟ
console-broadcasts-hint = ਸਿਰਫ਼ ਉਨ੍ਹਾਂ ਨੂੰ ਭੇਜੇ ਜਾਂਦੇ ਹਨ ਜਿਨ੍ਹਾਂ ਨੇ ਤੁਹਾਡੀਆਂ ਚੁਣੀਆਂ ਕਾਰਵਾਈਆਂ ਵਿੱਚ ਹਿੱਸਾ ਲਿਆ ਅਤੇ ਸਹਿਮਤੀ ਦਿੱਤੀ। ਹਰ ਈਮੇਲ ਵਿੱਚ ਇੱਕ ਕਲਿੱਕ ਨਾਲ ਅਨਸਬਸਕ੍ਰਾਈਬ ਕਰਨ ਦਾ ਲਿੰਕ ਹੈ।
console-broadcasts-none = ਹਾਲੇ ਕੋਈ ਈਮੇਲ ਨਹੀਂ।
console-broadcast-counting = ਪ੍ਰਾਪਤਕਰਤਾ ਗਿਣੇ ਜਾ ਰਹੇ ਹਨ…
console-broadcast-counted = ਪ੍ਰਾਪਤਕਰਤਾ ਗਿਣੇ ਗਏ
console-broadcast-new = ਨਵੀਂ ਈਮੇਲ
console-broadcast-save-draft = ਖਰੜਾ ਸੇਵ ਕਰੋ
console-broadcast-text = ਸਮੱਗਰੀ ਅਤੇ ਪ੍ਰਾਪਤਕਰਤਾ
console-broadcast-language = ਅਨੁਵਾਦ ਜੋੜੋ: { $lang }
console-broadcast-send-title = ਭੇਜੋ
console-broadcast-recipients = { $count ->
    [one] ਇਸ ਵੇਲੇ { $n } ਪ੍ਰਾਪਤਕਰਤਾ
   *[other] ਇਸ ਵੇਲੇ { $n } ਪ੍ਰਾਪਤਕਰਤਾ
}
console-broadcast-schedule = ਭੇਜਣ ਦਾ ਸਮਾਂ (UTC; ਹੁਣੇ ਭੇਜਣ ਲਈ ਖ਼ਾਲੀ ਛੱਡੋ)
console-broadcast-due = ਭੇਜਣ ਦਾ ਮਿੱਥਿਆ ਸਮਾਂ
console-broadcast-send = ਭੇਜੋ
console-broadcast-test = ਮੈਨੂੰ ਪਰਖ ਈਮੇਲ ਭੇਜੋ
console-broadcast-pause = ਭੇਜਣਾ ਰੋਕੋ
console-broadcast-resume = ਭੇਜਣਾ ਮੁੜ ਸ਼ੁਰੂ ਕਰੋ
console-broadcast-cancel = ਬਾਕੀ ਈਮੇਲਾਂ ਰੱਦ ਕਰੋ
console-subject = ਵਿਸ਼ਾ
console-text = ਸੁਨੇਹਾ
console-recipients = ਪ੍ਰਾਪਤਕਰਤਾ
console-audience-regions = ਸੂਬਾ ਜਾਂ ਦੇਸ਼ (ਜਿਵੇਂ CA-ON; ਹਰ ਕਤਾਰ ਵਿੱਚ ਇੱਕ)
console-audience-tags = ਲੋਕਾਂ ਦੇ ਟੈਗ (ਹਰ ਕਤਾਰ ਵਿੱਚ ਇੱਕ)
broadcast-draft = ਖਰੜਾ
broadcast-scheduled = ਤਹਿ ਕੀਤਾ
broadcast-sending = ਭੇਜੀ ਜਾ ਰਹੀ
broadcast-paused = ਰੋਕੀ ਹੋਈ
broadcast-done = ਭੇਜੀ ਗਈ
broadcast-cancelled = ਰੱਦ
broadcast-failed = ਅਸਫਲ
recipient-waiting = ਉਡੀਕ ਵਿੱਚ
recipient-queued = ਕਤਾਰ ਵਿੱਚ
recipient-sent = ਭੇਜੀਆਂ
recipient-failed = ਅਸਫਲ
recipient-uncertain = ਪਹੁੰਚ ਅਨਿਸ਼ਚਿਤ
recipient-cancelled = ਨਹੀਂ ਭੇਜੀਆਂ
recipient-bounced = ਵਾਪਸ ਮੁੜੀਆਂ
recipient-complained = ਸਪੈਮ ਦੱਸੀਆਂ ਗਈਆਂ

# frame and forms
nav-console = ਕੰਸੋਲ
nav-menu = ਮੀਨੂ
nav-new = ਨਵਾਂ
nav-overview = ਝਾਤ
nav-campaigns = ਮੁਹਿੰਮਾਂ
nav-updates = ਤਾਜ਼ਾ ਜਾਣਕਾਰੀ
nav-people = ਲੋਕ
nav-email = ਈਮੇਲ
nav-settings = ਸੈਟਿੰਗਾਂ
nav-offices = ਦਫ਼ਤਰ
nav-sources = ਸਰੋਤ ਕੋਡ
nav-partners = ਭਾਈਵਾਲ ਸੰਸਥਾਵਾਂ
new-campaign = ਨਵੀਂ ਮੁਹਿੰਮ
new-petition = ਨਵੀਂ ਪਟੀਸ਼ਨ
new-event = ਨਵਾਂ ਸਮਾਗਮ
new-letter = ਨਵੀਂ ਚਿੱਠੀ
new-office = ਨਵਾਂ ਦਫ਼ਤਰ
new-update = ਨਵੀਂ ਜਾਣਕਾਰੀ
new-broadcast = ਨਵੀਂ ਈਮੇਲ ਅੱਪਡੇਟ
edit-campaign = ਮੁਹਿੰਮ ਸੋਧੋ
edit-petition = ਪਟੀਸ਼ਨ ਸੋਧੋ
edit-event = ਸਮਾਗਮ ਸੋਧੋ
edit-letter = ਚਿੱਠੀ ਸੋਧੋ
edit-office = ਦਫ਼ਤਰ ਸੋਧੋ
edit-update = ਜਾਣਕਾਰੀ ਸੋਧੋ
edit-broadcast = ਈਮੇਲ ਅੱਪਡੇਟ ਸੋਧੋ
empty-campaigns = ਅਜੇ ਕੋਈ ਮੁਹਿੰਮ ਨਹੀਂ। ਮੁਹਿੰਮ ਪਟੀਸ਼ਨਾਂ, ਸਮਾਗਮਾਂ ਅਤੇ ਚਿੱਠੀਆਂ ਨੂੰ ਇੱਕ ਪੰਨੇ ’ਤੇ ਲਿਆਉਂਦੀ ਹੈ: ਇਸ ਤੋਂ ਸ਼ੁਰੂ ਕਰੋ।
empty-petitions = ਅਜੇ ਕੋਈ ਪਟੀਸ਼ਨ ਨਹੀਂ। ਇੱਕ ਬਣਾਓ: ਪ੍ਰਕਾਸ਼ਿਤ ਕਰਨ ਤੱਕ ਇਹ ਖਰੜਾ ਰਹਿੰਦੀ ਹੈ।
empty-events = ਅਜੇ ਕੋਈ ਸਮਾਗਮ ਨਹੀਂ। ਇੱਕ ਬਣਾਓ: ਪ੍ਰਕਾਸ਼ਿਤ ਹੋਣ ’ਤੇ ਲੋਕ ਰਜਿਸਟਰ ਕਰ ਸਕਦੇ ਹਨ।
empty-letters = ਅਜੇ ਕੋਈ ਚਿੱਠੀ ਨਹੀਂ। ਪਹਿਲਾਂ ਦਫ਼ਤਰ ਜੋੜੋ, ਫਿਰ ਚਿੱਠੀ ਬਣਾਓ।
empty-offices = ਅਜੇ ਕੋਈ ਦਫ਼ਤਰ ਨਹੀਂ। ਜਿਨ੍ਹਾਂ ਨੂੰ ਚਿੱਠੀਆਂ ਜਾਣੀਆਂ ਹਨ, ਉਹ ਜੋੜੋ।
empty-updates = ਅਜੇ ਕੋਈ ਜਾਣਕਾਰੀ ਨਹੀਂ। ਦੱਸੋ ਕਿ ਤੁਹਾਡੀ ਮੁਹਿੰਮ ਵਿੱਚ ਕੀ ਹੋਇਆ ਹੈ।
steps-title = ਤੁਹਾਡੀ ਪਹਿਲੀ ਮੁਹਿੰਮ
steps-campaign = ਮੁਹਿੰਮ ਬਣਾਓ
steps-petition = ਪਟੀਸ਼ਨ, ਸਮਾਗਮ ਜਾਂ ਚਿੱਠੀ ਜੋੜੋ
steps-office = ਚਿੱਠੀਆਂ ਲਈ ਦਫ਼ਤਰ ਜੋੜੋ
steps-publish = ਆਪਣੀ ਪਟੀਸ਼ਨ ਪ੍ਰਕਾਸ਼ਿਤ ਕਰੋ ਅਤੇ ਸਾਂਝੀ ਕਰੋ
steps-done = ਹੋ ਗਿਆ
ready-title = ਜੋ ਅਜੇ ਬਾਕੀ ਹੈ
ready-no-text = ਪਟੀਸ਼ਨ ਦਾ ਕੋਈ ਪਾਠ ਨਹੀਂ।
ready-no-target = ਫ਼ੈਸਲੇ ਕਰਨ ਵਾਲਿਆਂ ਦਾ ਨਾਂ ਨਹੀਂ।
ready-no-goal = ਕੋਈ ਟੀਚਾ ਨਹੀਂ।
ready-no-end = ਕੋਈ ਆਖ਼ਰੀ ਤਾਰੀਖ ਨਹੀਂ।
ready-no-place = ਕੋਈ ਥਾਂ ਨਹੀਂ ਦੱਸੀ।
ready-no-join-link = ਔਨਲਾਈਨ ਸ਼ਾਮਲ ਹੋਣ ਦਾ ਲਿੰਕ ਨਹੀਂ।
ready-no-accessibility = ਪਹੁੰਚਯੋਗਤਾ ਬਾਰੇ ਕੁਝ ਨਹੀਂ ਦੱਸਿਆ।
ready-no-offices = ਕੋਈ ਦਫ਼ਤਰ ਨਹੀਂ ਚੁਣਿਆ।
ready-no-letter = ਚਿੱਠੀ ਦਾ ਕੋਈ ਪਾਠ ਨਹੀਂ।
ready-not-live = ਚਿੱਠੀਆਂ ਉਡੀਕ ਵਿੱਚ ਹਨ: ਭੇਜਣਾ ਚਾਲੂ ਨਹੀਂ।
ready-no-summary = ਕੋਈ ਸਾਰ ਨਹੀਂ।
ready-languages = ਇਨ੍ਹਾਂ ਵਿੱਚ ਅਨੁਵਾਦ ਨਹੀਂ: { $languages }।
act-pause = ਰੋਕੋ
act-resume = ਮੁੜ ਸ਼ੁਰੂ ਕਰੋ
act-close = ਬੰਦ ਕਰੋ
act-reopen = ਮੁੜ ਖੋਲ੍ਹੋ
act-go-live = ਚਿੱਠੀਆਂ ਭੇਜਣੀਆਂ ਸ਼ੁਰੂ ਕਰੋ
act-hold = ਚਿੱਠੀਆਂ ਰੋਕੋ
act-revoke-previews = ਝਲਕ ਦੇ ਲਿੰਕ ਰੱਦ ਕਰੋ
act-delete-image = ਤਸਵੀਰ ਮਿਟਾਓ
people-search = ਵਿਅਕਤੀ ਲੱਭੋ
people-search-hint = ਪੂਰਾ ਈਮੇਲ ਪਤਾ ਜਾਂ ਟੈਗ ਲਿਖੋ। ਨਾਂ ਐਨਕ੍ਰਿਪਟ ਕੀਤੇ ਹਨ ਅਤੇ ਲੱਭੇ ਨਹੀਂ ਜਾ ਸਕਦੇ।
people-search-button = ਲੱਭੋ
people-none = ਕੋਈ ਨਹੀਂ ਮਿਲਿਆ।
mail-waiting-list = ਕਤਾਰ ਵਿੱਚ ਈਮੇਲਾਂ
form-required = (ਲਾਜ਼ਮੀ)
form-add-row = ਇੱਕ ਹੋਰ ਜੋੜੋ
form-zone = ਸਮੇਂ { $zone } ਸਮਾਂ ਖੇਤਰ ਦੇ ਹਨ।
form-create = ਬਣਾਓ
form-edit = ਸੋਧੋ
form-publish = ਪ੍ਰਕਾਸ਼ਿਤ ਕਰੋ
form-archive = ਪੁਰਾਲੇਖ ਵਿੱਚ ਰੱਖੋ
form-duplicate = ਨਕਲ ਬਣਾਓ
form-preview = ਝਲਕ
form-more = ਹੋਰ
form-more-status = ਸਥਿਤੀ, ਨੋਟ ਅਤੇ ਤਾਰੀਖਾਂ
form-draft-hint = ਇਹ ਖਰੜੇ ਵਜੋਂ ਸੇਵ ਹੁੰਦਾ ਹੈ। ਪ੍ਰਕਾਸ਼ਿਤ ਕਰਨ ਤੱਕ ਸਿਰਫ਼ ਪ੍ਰਬੰਧਕ ਇਸਨੂੰ ਵੇਖਦੇ ਹਨ।
form-title = ਸਿਰਲੇਖ
form-campaign = ਮੁਹਿੰਮ
form-campaign-hint = ਮੁਹਿੰਮ ਦਾ ਇੱਕ ਜਨਤਕ ਪੰਨਾ ਹੁੰਦਾ ਹੈ, ਜਿਸ ’ਤੇ ਉਸਦੀਆਂ ਪਟੀਸ਼ਨਾਂ, ਸਮਾਗਮ, ਚਿੱਠੀਆਂ ਅਤੇ ਜਾਣਕਾਰੀ ਹੁੰਦੀ ਹੈ।
form-language = ਮੁੱਖ ਭਾਸ਼ਾ
form-language-hint = ਹੇਠਲੇ ਪਾਠਾਂ ਦੀ ਭਾਸ਼ਾ। ਉੱਪਰਲੇ ਬਟਨਾਂ ਨਾਲ ਹੋਰ ਭਾਸ਼ਾਵਾਂ ਜੋੜੋ।
form-summary = ਸਾਰ
form-summary-hint = ਇੱਕ ਜਾਂ ਦੋ ਵਾਕ, ਜੋ ਸੂਚੀਆਂ ਵਿੱਚ ਅਤੇ ਸਾਂਝਾ ਕਰਨ ਵੇਲੇ ਦਿਸਦੇ ਹਨ।
form-description = ਵੇਰਵਾ
form-markdown-hint = ਪੈਰਿਆਂ ਵਿਚਕਾਰ ਖਾਲੀ ਲਾਈਨ ਛੱਡੋ। **ਮੋਟਾ**, [ਲਿੰਕ ਦਾ ਪਾਠ](https://…)।
form-petition-text = ਪਟੀਸ਼ਨ ਦਾ ਪਾਠ
form-petition-text-hint = ਜਿਸ ’ਤੇ ਲੋਕ ਦਸਤਖ਼ਤ ਕਰਦੇ ਹਨ।
form-demands = ਮੰਗਾਂ
form-lines-hint = ਹਰ ਲਾਈਨ ਵਿੱਚ ਇੱਕ।
form-targets = ਕਿਸ ਦੇ ਨਾਂ ਹੈ
form-group-page = ਪੰਨਾ, ਸਾਂਝਾ ਕਰਨਾ ਅਤੇ ਧੰਨਵਾਦ ਈਮੇਲ
form-button = ਬਟਨ ਦਾ ਪਾਠ
form-share = ਸਾਂਝਾ ਕਰਨ ਲਈ ਪਾਠ
form-thanks = ਧੰਨਵਾਦ ਈਮੇਲ
form-thanks-hint = ਹਿੱਸਾ ਲੈਣ ਤੋਂ ਬਾਅਦ ਈਮੇਲ ਵਿੱਚ ਕੀ ਲਿਖਿਆ ਹੋਵੇ। ਆਮ ਪਾਠ ਲਈ ਖਾਲੀ ਛੱਡੋ।
form-hosted-by = ਮੇਜ਼ਬਾਨ
form-slug = ਵੈੱਬ ਪਤਾ (ਆਖ਼ਰੀ ਹਿੱਸਾ)
form-slug-hint = ਛੋਟੇ ਅੱਖਰ, ਅੰਕ ਅਤੇ ਹਾਈਫ਼ਨ। ਸਿਰਲੇਖ ਤੋਂ ਬਣਾਉਣ ਲਈ ਖਾਲੀ ਛੱਡੋ। ਬਦਲਣ ਤੋਂ ਬਾਅਦ ਪੁਰਾਣਾ ਪਤਾ ਨਵੇਂ ਵੱਲ ਲੈ ਜਾਂਦਾ ਹੈ।
form-next-action = ਅਗਲੀ ਕਾਰਵਾਈ
form-next-action-hint = ਇਹ ਕਾਰਵਾਈ ਬੰਦ ਹੋਣ ’ਤੇ ਪੰਨਾ ਕਿੱਥੇ ਲੈ ਜਾਵੇ।
form-group-privacy = ਗੁਪਤਤਾ ਅਤੇ ਡਾਟਾ
form-privacy = ਗੁਪਤਤਾ
form-privacy-standard = ਆਮ
form-privacy-protected = ਵਾਧੂ ਗੁਪਤਤਾ
form-privacy-hint = ਵਾਧੂ ਗੁਪਤਤਾ ਵਿੱਚ ਸੂਚੀ ਦੀ ਆਪਣੀ ਕੁੰਜੀ ਹੁੰਦੀ ਹੈ, ਜੋ ਆਖ਼ਰੀ ਦਿਨ ਨਸ਼ਟ ਕੀਤੀ ਜਾਂਦੀ ਹੈ। ਇਹ ਬਾਅਦ ਵਿੱਚ ਬਦਲਿਆ ਨਹੀਂ ਜਾ ਸਕਦਾ।
form-confirmation = ਈਮੇਲ ਰਾਹੀਂ ਪੁਸ਼ਟੀ
form-confirmation-email = ਪੁਸ਼ਟੀ ਮੰਗੋ
form-confirmation-none = ਪੁਸ਼ਟੀ ਤੋਂ ਬਿਨਾਂ
form-confirmation-hint = ਪੁਸ਼ਟੀ ਤੋਂ ਬਿਨਾਂ ਕੋਈ ਵੀ ਕੋਈ ਵੀ ਪਤਾ ਲਿਖ ਸਕਦਾ ਹੈ। ਇਹ ਬਾਅਦ ਵਿੱਚ ਬਦਲਿਆ ਨਹੀਂ ਜਾ ਸਕਦਾ।
form-last-day-hint = ਇਸ ਦਿਨ ਤੋਂ ਬਾਅਦ ਹਿੱਸਾ ਲੈਣ ਵਾਲਿਆਂ ਬਾਰੇ ਸਭ ਕੁਝ ਮਿਟਾਇਆ ਜਾਂਦਾ ਹੈ। ਆਮ ਸਮੇਂ ਲਈ ਖਾਲੀ ਛੱਡੋ।
form-group-schedule = ਖੁੱਲ੍ਹਣਾ ਅਤੇ ਬੰਦ ਹੋਣਾ
form-opens = ਖੁੱਲ੍ਹਦਾ ਹੈ
form-opens-hint = ਪ੍ਰਕਾਸ਼ਿਤ ਹੋਣ ’ਤੇ ਖੋਲ੍ਹਣ ਲਈ ਖਾਲੀ ਛੱਡੋ।
form-closes = ਬੰਦ ਹੁੰਦਾ ਹੈ
form-closes-hint = ਖੁੱਲ੍ਹਾ ਰੱਖਣ ਲਈ ਖਾਲੀ ਛੱਡੋ।
form-milestones-hint = ਦਸਤਖ਼ਤਾਂ ਦੀਆਂ ਗਿਣਤੀਆਂ, ਕੌਮਿਆਂ ਨਾਲ ਵੱਖ ਕਰਕੇ।
form-group-form = ਫ਼ਾਰਮ ਕੀ ਪੁੱਛਦਾ ਹੈ
form-requirement-off = ਨਹੀਂ ਪੁੱਛਿਆ ਜਾਂਦਾ
form-requirement-optional = ਮਰਜ਼ੀ ਨਾਲ
form-requirement-required = ਲਾਜ਼ਮੀ
form-letter = ਦਸਤਖ਼ਤ ਨਾਲ ਭੇਜੀ ਜਾਣ ਵਾਲੀ ਚਿੱਠੀ
form-letter-hint = ਇਹ ਬਾਅਦ ਵਿੱਚ ਬਦਲਿਆ ਨਹੀਂ ਜਾ ਸਕਦਾ।
form-shares-addresses = ਇੱਕ ਘਰ ਦੇ ਲੋਕ ਇੱਕੋ ਈਮੇਲ ਪਤੇ ਨਾਲ ਦਸਤਖ਼ਤ ਕਰ ਸਕਦੇ ਹਨ
form-shows-breakdowns = ਜਨਤਾ ਨੂੰ ਖੇਤਰ ਅਨੁਸਾਰ ਅੰਕੜੇ ਵਿਖਾਓ
form-keeps-contacts = ਪੁਸ਼ਟੀ ਤੋਂ ਬਾਅਦ ਨਾਂ ਅਤੇ ਈਮੇਲ ਪਤੇ ਰੱਖੋ
form-group-questions = ਤੁਹਾਡੇ ਆਪਣੇ ਸਵਾਲ
form-question = ਸਵਾਲ
form-question-label = ਸਵਾਲ ਜਿਵੇਂ ਲੋਕ ਪੜ੍ਹਦੇ ਹਨ
form-question-key = ਡਾਊਨਲੋਡ ਵਿੱਚ ਨਾਂ
form-question-key-hint = ਛੋਟੇ ਅੱਖਰ, ਅੰਕ ਅਤੇ _।
form-question-kind = ਜਵਾਬ ਦੀ ਕਿਸਮ
form-question-kind-text = ਪਾਠ
form-question-kind-choice = ਕਈ ਜਵਾਬਾਂ ਵਿੱਚੋਂ ਇੱਕ
form-question-kind-checkbox = ਹਾਂ ਜਾਂ ਨਾਂਹ (ਖਾਨਾ)
form-question-choices = ਚੁਣਨ ਲਈ ਜਵਾਬ
form-question-choices-hint = ਹਰ ਲਾਈਨ ਵਿੱਚ ਇੱਕ, ਜਿਵੇਂ: member = ਮੈਂ ਮੈਂਬਰ ਹਾਂ | en = I am a member
form-question-required = ਜਵਾਬ ਲਾਜ਼ਮੀ ਹੈ
form-event-kind = ਸਮਾਗਮ ਦੀ ਕਿਸਮ
form-starts = ਸ਼ੁਰੂ
form-ends = ਸਮਾਪਤ
form-ends-hint = ਖਾਲੀ ਛੱਡਣ ’ਤੇ ਸ਼ੁਰੂ ਤੋਂ ਦੋ ਘੰਟੇ ਬਾਅਦ।
form-format = ਆਹਮੋ-ਸਾਹਮਣੇ ਜਾਂ ਔਨਲਾਈਨ
form-format-in_person = ਆਹਮੋ-ਸਾਹਮਣੇ
form-format-online = ਔਨਲਾਈਨ
form-format-hybrid = ਦੋਵੇਂ
form-group-place = ਥਾਂ
form-venue = ਥਾਂ ਦਾ ਨਾਂ
form-address = ਗਲੀ ਅਤੇ ਨੰਬਰ
form-region = ਸੂਬਾ
form-region-hint = ਜਿਵੇਂ ON ਜਾਂ QC।
form-country-hint = ਦੋ ਅੱਖਰ, ਜਿਵੇਂ CA।
form-map = ਨਕਸ਼ੇ ਦਾ ਲਿੰਕ
form-map-hint = ਵੈੱਬ ਪਤਾ ਜੋ https:// ਨਾਲ ਸ਼ੁਰੂ ਹੁੰਦਾ ਹੈ
form-group-registration = ਰਜਿਸਟ੍ਰੇਸ਼ਨ
form-capacity = ਸਮਰੱਥਾ (ਥਾਵਾਂ)
form-capacity-hint = ਕੋਈ ਹੱਦ ਨਾ ਹੋਵੇ ਤਾਂ ਖਾਲੀ ਛੱਡੋ।
form-waitlist = ਭਰ ਜਾਣ ’ਤੇ ਉਡੀਕ ਸੂਚੀ ਰੱਖੋ
form-waitlist-smaller = ਛੋਟਾ ਸਮੂਹ ਉਡੀਕ ਸੂਚੀ ਵਿੱਚ ਵੱਡੇ ਤੋਂ ਅੱਗੇ ਜਾ ਸਕਦਾ ਹੈ
form-instructions = ਕਿਵੇਂ ਸ਼ਾਮਲ ਹੋਣਾ ਹੈ
form-instructions-hint = ਸ਼ਾਮਲ ਹੋਣ ਦਾ ਲਿੰਕ ਆਦਿ। ਸਿਰਫ਼ ਰਜਿਸਟਰ ਹੋਏ ਲੋਕਾਂ ਨੂੰ ਭੇਜਿਆ ਜਾਂਦਾ ਹੈ; ਜਨਤਕ ਪੰਨੇ ’ਤੇ ਕਦੇ ਨਹੀਂ।
form-accessibility = ਪਹੁੰਚਯੋਗਤਾ
form-accessibility-hint = ਪੌੜੀਆਂ, ਲਿਫ਼ਟ, ਸੈਨਤ ਭਾਸ਼ਾ, ਬੱਚਿਆਂ ਦੀ ਦੇਖਭਾਲ, ਸ਼ਾਂਤ ਕਮਰਾ।
form-interpretation = ਦੁਭਾਸ਼ੀਏ ਦੀਆਂ ਭਾਸ਼ਾਵਾਂ
form-interpretation-hint = ਹਰ ਲਾਈਨ ਵਿੱਚ ਇੱਕ ਭਾਸ਼ਾ ਕੋਡ, ਜਿਵੇਂ es ਜਾਂ pa।
form-group-programme = ਪ੍ਰੋਗਰਾਮ
form-session = ਸੈਸ਼ਨ
form-repeats = ਦੁਹਰਾਓ
form-repeats-hint = ਕੈਲੰਡਰ ਫ਼ਾਈਲ ਵਾਂਗ, ਜਿਵੇਂ FREQ=WEEKLY;COUNT=6।
form-group-contacts = ਸੰਪਰਕ ਵਿਅਕਤੀ
form-contact = ਸੰਪਰਕ ਵਿਅਕਤੀ
form-offices = ਦਫ਼ਤਰ
form-offices-hint = ਹਰ ਚਿੱਠੀ ਚੁਣੇ ਹੋਏ ਸਾਰੇ ਦਫ਼ਤਰਾਂ ਨੂੰ ਜਾਂਦੀ ਹੈ।
form-group-letter = ਚਿੱਠੀ
form-letter-text = ਚਿੱਠੀ ਦਾ ਪਾਠ
form-letter-subjects = ਵਿਸ਼ੇ
form-letter-subjects-hint = ਹਰ ਲਾਈਨ ਵਿੱਚ ਇੱਕ। ਹਰ ਚਿੱਠੀ ਇਨ੍ਹਾਂ ਵਿੱਚੋਂ ਇੱਕ ਲੈਂਦੀ ਹੈ।
form-letter-body = ਪਾਠ
form-letter-body-hint = ਵੇਰੀਏਬਲ ਦੋਹਰੀਆਂ ਬਰੈਕਟਾਂ ਵਿੱਚ ਹਨ: target.salutation, target.name, target.title।
form-editable = ਸਮਰਥਕ ਪਾਠ ਬਦਲ ਸਕਦੇ ਹਨ
form-live = ਅਧਿਕਾਰੀਆਂ ਨੂੰ ਚਿੱਠੀਆਂ ਭੇਜੋ
form-live-hint = ਉਦੋਂ ਤੱਕ ਚਿੱਠੀਆਂ ਲਿਖੀਆਂ ਜਾਂਦੀਆਂ ਹਨ ਅਤੇ ਉਡੀਕਦੀਆਂ ਹਨ।
form-live-true = ਭੇਜੀਆਂ ਜਾ ਰਹੀਆਂ
form-live-false = ਉਡੀਕ ਵਿੱਚ
form-letters-held = ਰੋਕੀਆਂ ਚਿੱਠੀਆਂ
form-office = ਦਫ਼ਤਰ
form-office-hint = ਅਧਿਕਾਰੀ ਬਦਲਣ ’ਤੇ ਦਫ਼ਤਰ ਉਹੀ ਰਹਿੰਦਾ ਹੈ। ਚਿੱਠੀਆਂ ਉਸ ਵੇਲੇ ਦੇ ਅਧਿਕਾਰੀ ਨੂੰ ਜਾਂਦੀਆਂ ਹਨ।
form-office-title = ਦਫ਼ਤਰ ਦਾ ਨਾਂ
form-office-title-hint = ਜਿਵੇਂ ਇਮੀਗ੍ਰੇਸ਼ਨ ਮੰਤਰੀ।
form-mailboxes = ਈਮੇਲ ਪਤੇ
form-mailboxes-hint = ਹਰ ਲਾਈਨ ਵਿੱਚ ਇੱਕ। ਚਿੱਠੀਆਂ ਪਹਿਲੇ ਨੂੰ ਜਾਂਦੀਆਂ ਹਨ, ਬਾਕੀਆਂ ਨੂੰ ਨਕਲ।
form-honorific = ਸਤਿਕਾਰ ਦਾ ਸ਼ਬਦ
form-honorific-hint = ਜਿਵੇਂ ਮਾਣਯੋਗ।
form-holder-given-name = ਅਧਿਕਾਰੀ ਦਾ ਪਹਿਲਾ ਨਾਂ
form-holder-family-name = ਅਧਿਕਾਰੀ ਦਾ ਗੋਤ
form-holder-hint = ਦਫ਼ਤਰ ਖਾਲੀ ਹੋਵੇ ਤਾਂ ਤਿੰਨੇ ਖਾਲੀ ਛੱਡੋ।
form-official = ਅਧਿਕਾਰੀ ਜੋੜੋ
form-official-hint = ਦਫ਼ਤਰ ਦੇ ਪਿਛਲੇ ਜਾਂ ਆਉਣ ਵਾਲੇ ਅਧਿਕਾਰੀ ਲਈ। ਮੌਜੂਦਾ ਦਫ਼ਤਰ ਨਾਲ ਲਿਖਿਆ ਜਾਂਦਾ ਹੈ।
form-group-term = ਕਾਰਜਕਾਲ
form-term-start = ਪਹਿਲਾ ਦਿਨ
form-term-end = ਆਖ਼ਰੀ ਦਿਨ
form-update-hint = ਜਾਣਕਾਰੀ ਮੁਹਿੰਮ ਦੇ ਪੰਨੇ ’ਤੇ ਹੁੰਦੀ ਹੈ, ਸਭ ਤੋਂ ਨਵੀਂ ਪਹਿਲਾਂ।
form-update-kind = ਜਾਣਕਾਰੀ ਦੀ ਕਿਸਮ
form-group-figures = ਚਾਰਟ ਲਈ ਅੰਕੜੇ
form-figure = ਅੰਕੜਾ
form-figure-series = ਲੜੀ ਦਾ ਨਾਂ
form-figure-value = ਮੁੱਲ
form-figure-unit = ਇਕਾਈ
form-source-url = ਸਰੋਤ ਦਾ ਲਿੰਕ
form-group-press = ਪ੍ਰੈੱਸ ਬਿਆਨ
form-media-contact = ਪੱਤਰਕਾਰਾਂ ਲਈ ਸੰਪਰਕ
form-quote = ਹਵਾਲਾ
form-quote-text = ਕੀ ਕਿਹਾ
form-quote-by = ਕਿਸ ਨੇ ਕਿਹਾ
form-embargo = ਇਸ ਤੋਂ ਪਹਿਲਾਂ ਜਨਤਕ ਨਹੀਂ
form-group-story = ਕਿਸੇ ਵਿਅਕਤੀ ਦੀ ਕਹਾਣੀ
form-pseudonym = ਕਿਸ ਨਾਂ ਹੇਠ ਦੱਸੀ ਜਾਂਦੀ ਹੈ
form-consent-scope = ਵਿਅਕਤੀ ਨੇ ਕਿੱਥੇ ਵਿਖਾਉਣ ਲਈ ਸਹਿਮਤੀ ਦਿੱਤੀ
form-consent-scope-hint = ਜਿਵੇਂ: ਇਹ ਸਾਈਟ ਅਤੇ ਪਰਚੇ, ਤਸਵੀਰ ਤੋਂ ਬਿਨਾਂ।
form-consent-day = ਸਹਿਮਤੀ ਦਾ ਦਿਨ
form-broadcast-text-hint = ਨਮਸਕਾਰ ਆਪਣੇ ਆਪ ਜੋੜਿਆ ਜਾਂਦਾ ਹੈ। ਪੈਰਿਆਂ ਵਿਚਕਾਰ ਖਾਲੀ ਲਾਈਨ ਛੱਡੋ।
form-audience-actions = ਇਨ੍ਹਾਂ ਵਿੱਚ ਹਿੱਸਾ ਲੈਣ ਵਾਲੇ
form-group-audience = ਸੀਮਤ ਕਰੋ
form-audience-locales = ਪਸੰਦੀਦਾ ਭਾਸ਼ਾ
form-audience-sources = ਸਰੋਤ ਕੋਡ
form-broadcast-language = ਬਾਕੀ ਸਭ ਲਈ ਭਾਸ਼ਾ
form-broadcast-send = ਜਾਂਚੋ ਅਤੇ ਭੇਜੋ
form-broadcast-send-hint = ਪਹਿਲਾਂ ਆਪਣੇ ਆਪ ਨੂੰ ਪਰਖ ਭੇਜੋ। ਭੇਜੀ ਈਮੇਲ ਵਾਪਸ ਨਹੀਂ ਬੁਲਾਈ ਜਾ ਸਕਦੀ।
form-broadcast-at = ਭੇਜਣ ਦਾ ਸਮਾਂ
form-broadcast-at-hint = ਹੁਣੇ ਭੇਜਣ ਲਈ ਖਾਲੀ ਛੱਡੋ।
form-first-contacts = ਪਹਿਲੇ ਸੰਪਰਕ ਦੀਆਂ ਈਮੇਲਾਂ ਸੀਮਤ ਕਰੋ
form-first-contacts-hint = ਪੂਰੀ ਇੰਸਟਾਲੇਸ਼ਨ ਲਈ। ਆਮ ਹੱਦ ਲਈ ਖਾਲੀ ਛੱਡੋ।
form-per-hour = ਪ੍ਰਤੀ ਘੰਟਾ ਈਮੇਲਾਂ
form-unsuppress = ਪਤਾ ਅਣਬਲੌਕ ਕਰੋ
form-unsuppress-hint = ਜਿਹੜਾ ਪਤਾ ਵਾਪਸ ਮੁੜਿਆ ਸੀ ਅਤੇ ਮੁੜ ਚੱਲਦਾ ਹੈ। ਕਿਸੇ ਨੂੰ ਨਹੀਂ ਦੱਸਿਆ ਜਾਂਦਾ ਕਿ ਉਹ ਬਲੌਕ ਸੀ।
form-person-new = ਵਿਅਕਤੀ ਜੋੜੋ
form-person-new-hint = ਸਿਰਫ਼ ਉਹ ਲੋਕ ਜੋ ਸਹਿਮਤ ਹਨ। ਈਮੇਲ ਅੱਪਡੇਟ ਉਹ ਆਪ ਚੁਣਦੇ ਹਨ।
form-person-edit = ਵਿਅਕਤੀ ਸੋਧੋ
form-person-delete = ਇਸ ਵਿਅਕਤੀ ਦਾ ਡਾਟਾ ਮਿਟਾਓ
form-person-delete-hint = ਜੋ ਕੁਝ ਦੱਸਦਾ ਹੈ ਕਿ ਇਹ ਵਿਅਕਤੀ ਕੌਣ ਹੈ, ਸਭ ਮਿਟਾਇਆ ਜਾਵੇਗਾ। ਕੁੱਲ ਰਹਿੰਦੇ ਹਨ। ਇਹ ਵਾਪਸ ਨਹੀਂ ਹੋ ਸਕਦਾ।
form-confirm = ਪੁਸ਼ਟੀ
form-confirm-hint = ਪੁਸ਼ਟੀ ਲਈ { $word } ਲਿਖੋ
form-confirm-word = ਮਿਟਾਓ
form-tags = ਟੈਗ
form-languages-spoken = ਬੋਲੀਆਂ ਜਾਣ ਵਾਲੀਆਂ ਭਾਸ਼ਾਵਾਂ
form-group-address = ਡਾਕ ਪਤਾ
form-identifiers = ਪਛਾਣ ਨੰਬਰ
form-registrations = ਰਜਿਸਟ੍ਰੇਸ਼ਨਾਂ
form-registration = ਰਜਿਸਟ੍ਰੇਸ਼ਨ
form-registration-new = ਵਿਅਕਤੀ ਰਜਿਸਟਰ ਕਰੋ
form-registration-new-hint = ਫ਼ੋਨ ’ਤੇ ਜਾਂ ਆਹਮੋ-ਸਾਹਮਣੇ ਰਜਿਸਟਰ ਹੋਏ ਲੋਕਾਂ ਲਈ। ਉਨ੍ਹਾਂ ਨੂੰ ਆਮ ਈਮੇਲ ਮਿਲਦੀ ਹੈ।
form-registration-cancel = ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਰੱਦ ਕਰੋ
form-party-size = ਲੋਕਾਂ ਦੀ ਗਿਣਤੀ
form-access-needs = ਪਹੁੰਚਯੋਗਤਾ ਲਈ ਲੋੜਾਂ
form-short-link = ਨਵਾਂ ਛੋਟਾ ਲਿੰਕ
form-short-links = ਛੋਟੇ ਲਿੰਕ
form-word-hint = ਛੋਟੇ ਅੱਖਰ, ਅੰਕ ਅਤੇ ਹਾਈਫ਼ਨ।
form-bulk-after = ਇਸ ਸਮੇਂ ਤੋਂ
form-bulk-before = ਇਸ ਸਮੇਂ ਤੱਕ
form-dry-run = ਸਿਰਫ਼ ਝਲਕ
form-dry-run-hint = ਗਿਣਦਾ ਹੈ ਕਿ ਕੀ ਬਦਲੇਗਾ, ਅਤੇ ਕੁਝ ਨਹੀਂ ਬਦਲਦਾ।
form-import-new = ਫ਼ਾਈਲ ਇੰਪੋਰਟ ਕਰੋ
form-separator-hint = ਆਪਣੇ ਆਪ ਪਛਾਣਨ ਲਈ ਖਾਲੀ ਛੱਡੋ।
form-mapping-hint = ਹਰ ਵੇਰਵੇ ਲਈ ਫ਼ਾਈਲ ਦਾ ਕਾਲਮ ਚੁਣੋ। ਜੋ ਫ਼ਾਈਲ ਵਿੱਚ ਨਹੀਂ, ਖਾਲੀ ਛੱਡੋ।
form-test-run = ਪਰਖ
form-test-run-hint = ਹਰ ਲਾਈਨ ਜਾਂਚਦੀ ਹੈ ਅਤੇ ਕੁਝ ਸੇਵ ਨਹੀਂ ਕਰਦੀ।
form-paper-new = ਕਾਗ਼ਜ਼ ’ਤੇ ਦਸਤਖ਼ਤ ਜੋੜੋ
form-delivery-new = ਸੌਂਪਣ ਦੀ ਯੋਜਨਾ ਬਣਾਓ
form-allow-hint = ਡੋਮੇਨ ਜਾਂ ਨੈੱਟਵਰਕ ਭਰੋ।
form-network-hint = ਜਿਵੇਂ 203.0.113.0/24।
form-source-hint = ਸਰੋਤ ਕੋਡ ਦੱਸਦਾ ਹੈ ਕਿ ਦਸਤਖ਼ਤ ਕਿੱਥੋਂ ਆਇਆ। ਜੋ ਕੋਡ ਇਸ ਸੂਚੀ ਵਿੱਚ ਨਹੀਂ, ਉਹ “ਹੋਰ” ਗਿਣੇ ਜਾਂਦੇ ਹਨ।
form-partner = ਭਾਈਵਾਲ ਸੰਸਥਾ
form-partner-new = ਨਵੀਂ ਭਾਈਵਾਲ ਸੰਸਥਾ
form-partner-hint = ਭਾਈਵਾਲਾਂ ਨੂੰ ਉਨ੍ਹਾਂ ਲੋਕਾਂ ਦੇ ਵੇਰਵੇ ਮਿਲਦੇ ਹਨ ਜੋ ਫ਼ਾਰਮ ਵਿੱਚ ਸਹਿਮਤ ਹੁੰਦੇ ਹਨ, ਅਤੇ ਉਨ੍ਹਾਂ ਦਾ ਆਪਣਾ ਸਰੋਤ ਕੋਡ ਹੁੰਦਾ ਹੈ।
form-partner-name = ਸੰਸਥਾ ਦਾ ਨਾਂ
form-partner-wording = ਸਹਿਮਤੀ ਦਾ ਪਾਠ
form-partner-wording-hint = ਫ਼ਾਰਮ ਵਿੱਚ ਖਾਨੇ ਦੇ ਨਾਲ ਦਾ ਵਾਕ।

# frame and forms
form-mailbox = ਅਧਿਕਾਰੀ ਦਾ ਮੇਲਬੌਕਸ
form-relay = ਈਮੇਲ ਭੇਜਣ ਵਾਲਾ ਸਰਵਰ
form-paused = ਰੋਕਿਆ ਹੋਇਆ: ਕੁਝ ਨਹੀਂ ਭੇਜਿਆ ਜਾਂਦਾ

# frame and forms
console-refresh = ਤਾਜ਼ਾ ਕਰੋ
form-other-session = ਇਹ ਫ਼ਾਰਮ ਖੁੱਲ੍ਹਣ ਤੋਂ ਬਾਅਦ ਤੁਸੀਂ ਮੁੜ ਸਾਈਨ ਇਨ ਕੀਤਾ ਹੈ। ਇਸਨੂੰ ਜਾਂਚੋ, ਫਿਰ ਇੱਕ ਵਾਰ ਹੋਰ ਸੇਵ ਕਰੋ।
signed-out-title = ਤੁਹਾਡਾ ਸੈਸ਼ਨ ਖ਼ਤਮ ਹੋ ਗਿਆ
signed-out-hint = ਜੋ ਤੁਸੀਂ ਲਿਖਿਆ, ਉਹ ਇਸ ਪੰਨੇ ’ਤੇ ਰੱਖਿਆ ਹੈ। ਨਵੀਂ ਟੈਬ ਵਿੱਚ ਸਾਈਨ ਇਨ ਕਰੋ, ਫਿਰ ਇੱਥੇ ਵਾਪਸ ਆ ਕੇ ਜਾਰੀ ਰੱਖੋ।
signed-out-continue = ਜਾਰੀ ਰੱਖੋ

# lists of those who took part
signature-state-pending = ਪੁਸ਼ਟੀ ਨਹੀਂ ਹੋਈ
signature-state-counted = ਗਿਣਿਆ ਗਿਆ
signature-state-duplicate = ਦੁਹਰਾਇਆ
signature-state-quarantined = ਸਮੀਖਿਆ ਲਈ ਰੋਕਿਆ
signature-state-invalid = ਰੱਦ ਕੀਤਾ
signature-state-withdrawn = ਵਾਪਸ ਲਿਆ
comment-state-none = ਕੋਈ ਟਿੱਪਣੀ ਨਹੀਂ
comment-state-waiting = ਜਾਂਚਣ ਲਈ
comment-state-shown = ਪ੍ਰਕਾਸ਼ਿਤ
comment-state-hidden = ਲੁਕਾਇਆ
outreach-state-held = ਸ਼ੁਰੂਆਤ ਦੀ ਉਡੀਕ
outreach-state-queued = ਕਤਾਰ ਵਿੱਚ
outreach-state-sent = ਭੇਜੀ ਗਈ
outreach-state-failed = ਅਸਫਲ
outreach-state-uncertain = ਪਹੁੰਚ ਅਣਜਾਣ
outreach-state-bounced = ਵਾਪਸ ਆਈ
outreach-state-cancelled = ਰੱਦ
participants-open = ਲੋਕਾਂ ਦੀ ਸੂਚੀ
participants-filter = ਛਾਂਟੋ
participants-clear = ਫਿਲਟਰ ਹਟਾਓ
participants-any = ਕੋਈ ਵੀ
participants-all = { $count ->
    [one] ਕੁੱਲ { $n }
   *[other] ਕੁੱਲ { $n }
}
participants-matching = { $count ->
    [one] { $n } ਫਿਲਟਰ ਨਾਲ ਮੇਲ ਖਾਂਦਾ ਹੈ
   *[other] { $n } ਫਿਲਟਰ ਨਾਲ ਮੇਲ ਖਾਂਦੇ ਹਨ
}
participants-review = ਨਿਯਮ ਨਾਲ ਸਭ ਦੀ ਸਮੀਖਿਆ ਕਰੋ
participants-none = ਅਜੇ ਕਿਸੇ ਨੇ ਹਿੱਸਾ ਨਹੀਂ ਲਿਆ। ਪਹਿਲੇ ਲੋਕਾਂ ਤੱਕ ਪਹੁੰਚਣ ਲਈ ਜਨਤਕ ਪੰਨਾ ਸਾਂਝਾ ਕਰੋ।
participants-none-match = ਇਸ ਫਿਲਟਰ ਨਾਲ ਕੁਝ ਨਹੀਂ ਮਿਲਦਾ।
participants-hidden = { $n } ਲੋਕ। ਉਹ ਕੌਣ ਹਨ, ਇਹ ਲੁਕਿਆ ਹੈ: ਤੁਹਾਡੀ ਭੂਮਿਕਾ ਸੰਪਰਕ ਵੇਰਵੇ ਨਹੀਂ ਪੜ੍ਹ ਸਕਦੀ।
participants-protected = ਇਸ ਕਾਰਵਾਈ ਲਈ ਵਾਧੂ ਗੁਪਤਤਾ ਹੈ: ਨਾਂ, ਪਤੇ ਅਤੇ ਸਰੋਤ ਕਿਸੇ ਨੂੰ ਨਹੀਂ ਦਿਖਾਏ ਜਾਂਦੇ।
participants-nobody = ਨਹੀਂ ਦਿਖਾਇਆ
participants-place = ਥਾਂ
participants-choose = ਚੁਣੋ
participants-decide = ਚੁਣਿਆਂ ਨਾਲ
participants-continue = ਜਾਰੀ ਰੱਖੋ
participants-partial = ਪੰਨਾ ਭਰਨ ਤੋਂ ਪਹਿਲਾਂ ਖੋਜ ਰੁਕ ਗਈ। ਅੱਗੇ ਖੋਜਣ ਲਈ ਅਗਲੇ ਪੰਨੇ ’ਤੇ ਜਾਓ।
participants-page = ਪੰਨਾ { $n }
participants-pages = ਸੂਚੀ ਦੇ ਪੰਨੇ
decide-hint = ਕੁੱਲ ਗਿਣਤੀ ਅਤੇ ਪੰਨੇ ਬਦਲ ਜਾਣਗੇ। ਤੁਸੀਂ ਬਾਅਦ ਵਿੱਚ ਇਹ ਬਦਲ ਸਕਦੇ ਹੋ, ਸਿਵਾਏ ਉਸਦੇ ਜੋ ਲੋਕਾਂ ਨੇ ਆਪ ਵਾਪਸ ਲਿਆ।
decide-hold = ਸਮੀਖਿਆ ਲਈ ਰੋਕੋ
decide-comment-shown = ਟਿੱਪਣੀ ਪ੍ਰਕਾਸ਼ਿਤ ਕਰੋ
decide-comment-hidden = ਟਿੱਪਣੀ ਲੁਕਾਓ
decide-counted = { $count ->
    [one] { $n } ਦਸਤਖ਼ਤ ਮਨਜ਼ੂਰ ਕਰਨਾ ਹੈ?
   *[other] { $n } ਦਸਤਖ਼ਤ ਮਨਜ਼ੂਰ ਕਰਨੇ ਹਨ?
}
decide-quarantined = { $count ->
    [one] { $n } ਦਸਤਖ਼ਤ ਸਮੀਖਿਆ ਲਈ ਰੋਕਣਾ ਹੈ?
   *[other] { $n } ਦਸਤਖ਼ਤ ਸਮੀਖਿਆ ਲਈ ਰੋਕਣੇ ਹਨ?
}
decide-invalid = { $count ->
    [one] { $n } ਦਸਤਖ਼ਤ ਰੱਦ ਕਰਨਾ ਹੈ?
   *[other] { $n } ਦਸਤਖ਼ਤ ਰੱਦ ਕਰਨੇ ਹਨ?
}
decide-comments-shown = { $count ->
    [one] { $n } ਟਿੱਪਣੀ ਪ੍ਰਕਾਸ਼ਿਤ ਕਰਨੀ ਹੈ?
   *[other] { $n } ਟਿੱਪਣੀਆਂ ਪ੍ਰਕਾਸ਼ਿਤ ਕਰਨੀਆਂ ਹਨ?
}
decide-comments-hidden = { $count ->
    [one] { $n } ਟਿੱਪਣੀ ਲੁਕਾਉਣੀ ਹੈ?
   *[other] { $n } ਟਿੱਪਣੀਆਂ ਲੁਕਾਉਣੀਆਂ ਹਨ?
}
decide-cancel = { $count ->
    [one] { $n } ਰਜਿਸਟ੍ਰੇਸ਼ਨ ਰੱਦ ਕਰਨੀ ਹੈ? ਖਾਲੀ ਸੀਟਾਂ ਉਡੀਕ ਸੂਚੀ ਨੂੰ ਮਿਲਣਗੀਆਂ ਅਤੇ ਵਿਅਕਤੀ ਨੂੰ ਈਮੇਲ ਮਿਲੇਗੀ।
   *[other] { $n } ਰਜਿਸਟ੍ਰੇਸ਼ਨਾਂ ਰੱਦ ਕਰਨੀਆਂ ਹਨ? ਖਾਲੀ ਸੀਟਾਂ ਉਡੀਕ ਸੂਚੀ ਨੂੰ ਮਿਲਣਗੀਆਂ ਅਤੇ ਹਰ ਵਿਅਕਤੀ ਨੂੰ ਈਮੇਲ ਮਿਲੇਗੀ।
}
decide-changed = { $count ->
    [one] { $n } ਬਦਲਿਆ।
   *[other] { $n } ਬਦਲੇ।
}

# audit log
audit-title = ਆਡਿਟ ਲੌਗ
audit-hint = ਕਿਸਨੇ ਕੀ ਅਤੇ ਕਦੋਂ ਕੀਤਾ। ਇਸ ਵਿੱਚ ਸਮਰਥਕਾਂ ਦਾ ਕੋਈ ਨਿੱਜੀ ਡਾਟਾ ਨਹੀਂ, ਅਤੇ ਕੋਈ ਇਸਨੂੰ ਚੁੱਪਚਾਪ ਬਦਲ ਨਹੀਂ ਸਕਦਾ।
audit-export = ਐਕਸਪੋਰਟ (CSV)
audit-verify = ਲੌਗ ਦੀ ਜਾਂਚ ਕਰੋ
audit-whole = { $count ->
    [one] ਲੌਗ ਸਹੀ ਹੈ: { $n } ਐਂਟਰੀ, ਬਾਅਦ ਵਿੱਚ ਕੋਈ ਬਦਲੀ, ਹਟਾਈ ਜਾਂ ਜੋੜੀ ਨਹੀਂ ਗਈ।
   *[other] ਲੌਗ ਸਹੀ ਹੈ: { $n } ਐਂਟਰੀਆਂ, ਬਾਅਦ ਵਿੱਚ ਕੋਈ ਬਦਲੀ, ਹਟਾਈ ਜਾਂ ਜੋੜੀ ਨਹੀਂ ਗਈ।
}
audit-not-whole = ਲੌਗ ਉਵੇਂ ਨਹੀਂ ਜਿਵੇਂ ਲਿਖਿਆ ਗਿਆ ਸੀ। ਸਰਵਰ ਚਲਾਉਣ ਵਾਲੇ ਨੂੰ ਪੁੱਛੋ।
audit-head = ਸਭ ਤੋਂ ਨਵੀਂ ਐਂਟਰੀ ਦਾ ਚੈੱਕਸਮ, ਕਿਤੇ ਹੋਰ ਰੱਖਣ ਲਈ:
audit-who = ਕਿਸਨੇ
audit-what = ਕੀ
audit-object = ਵਸਤੂ
audit-token = API ਟੋਕਨ
audit-system = ਸਿਸਟਮ
audit-count = { $count ->
    [one] { $n } ਐਂਟਰੀ
   *[other] { $n } ਐਂਟਰੀਆਂ
}
audit-area-accounts = ਸਾਈਨ ਇਨ ਅਤੇ ਟੀਮ
audit-area-contacts = ਸੰਪਰਕ ਪੜ੍ਹੇ ਜਾਂ ਐਕਸਪੋਰਟ ਕੀਤੇ
audit-area-people = ਲੋਕ ਅਤੇ ਸਮੀਖਿਆ
audit-area-petitions = ਪਟੀਸ਼ਨਾਂ ਅਤੇ ਸੌਂਪਣਾ
audit-area-events = ਸਮਾਗਮ
audit-area-letters = ਚਿੱਠੀਆਂ ਅਤੇ ਦਫ਼ਤਰ
audit-area-mail = ਈਮੇਲ
audit-area-settings = ਮੁਹਿੰਮਾਂ ਅਤੇ ਸੈਟਿੰਗਾਂ

# saved filters
saved-title = ਸੇਵ ਕੀਤੇ ਫਿਲਟਰ
saved-name = ਇਸ ਫਿਲਟਰ ਦਾ ਨਾਂ
saved-hint = ਤੁਹਾਡੀ ਸੰਸਥਾ ਵਿੱਚ ਸਭ ਇਸਨੂੰ ਵੇਖਦੇ ਹਨ। ਲੋਕਾਂ ਦੇ ਪਤੇ ਅਤੇ ਨਾਂ ਕਦੇ ਸੇਵ ਨਹੀਂ ਹੁੰਦੇ।
saved-save = ਫਿਲਟਰ ਸੇਵ ਕਰੋ

# exports
export-title = ਐਕਸਪੋਰਟ
export-which = ਸੂਚੀਆਂ
export-choose = ਸੂਚੀ ਚੁਣੋ।
export-list-signatures = ਦਸਤਖ਼ਤ
export-list-attendances = ਰਜਿਸਟ੍ਰੇਸ਼ਨਾਂ
export-list-outreaches = ਚਿੱਠੀਆਂ
export-list-people = ਲੋਕ
export-list-consents = ਸਹਿਮਤੀਆਂ
export-action = ਕਾਰਵਾਈ
export-format = ਫਾਰਮੈਟ
console-export-csv = CSV (ਸਪ੍ਰੈੱਡਸ਼ੀਟ ਲਈ)
console-export-xlsx = ਐਕਸਲ (XLSX)
console-export-jsonl = JSON Lines (ਪ੍ਰੋਗਰਾਮਾਂ ਲਈ)
export-usual = ਆਮ
export-columns = ਕਾਲਮ
export-partner = ਭਾਈਵਾਲ ਸੰਸਥਾ ਲਈ
export-partner-hint = ਭਾਈਵਾਲ ਨੂੰ ਸਿਰਫ਼ ਉਹ ਲੋਕ ਮਿਲਦੇ ਹਨ ਜੋ ਸਹਿਮਤ ਹੋਏ ਅਤੇ ਅਨਸਬਸਕ੍ਰਾਈਬ ਨਹੀਂ ਹੋਏ, ਅਤੇ ਸਿਰਫ਼ ਉਨ੍ਹਾਂ ਦੇ ਸੰਪਰਕ ਵੇਰਵੇ।
export-nobody = ਕੋਈ ਭਾਈਵਾਲ ਨਹੀਂ
export-reason = ਕਾਰਨ
export-reason-hint = ਇਹ ਆਡਿਟ ਲੌਗ ਵਿੱਚ ਲਿਖਿਆ ਜਾਂਦਾ ਹੈ। ਮਾਲਕਾਂ ਨੂੰ ਈਮੇਲ ਮਿਲਦੀ ਹੈ। ਇਸ ਵਿੱਚ ਕਿਸੇ ਦਾ ਨਾਂ ਨਾ ਲਿਖੋ।
export-reason-missing = ਦੱਸੋ ਕਿ ਤੁਸੀਂ ਇਹ ਸੂਚੀ ਕਿਉਂ ਐਕਸਪੋਰਟ ਕਰਦੇ ਹੋ।
export-reason-address = ਈਮੇਲ ਪਤਾ ਹਟਾਓ।
export-button = ਐਕਸਪੋਰਟ ਕਰੋ

# overview
attention-title = ਧਿਆਨ ਦੀ ਲੋੜ
attention-none = ਇਸ ਵੇਲੇ ਕੁਝ ਬਕਾਇਆ ਨਹੀਂ।
attention-held = { $title }: { $n } ਦਸਤਖ਼ਤ ਸਮੀਖਿਆ ਲਈ ਰੋਕੇ
attention-comments = { $title }: { $n } ਟਿੱਪਣੀਆਂ ਜਾਂਚਣ ਲਈ
attention-imports = { $title }: { $n } ਇੰਪੋਰਟ ਫਾਈਲਾਂ ਪੂਰੀਆਂ ਕਰਨੀਆਂ
attention-paused = ਰੋਕੇ ਹੋਏ ਅਧਿਕਾਰੀਆਂ ਦੇ ਮੇਲਬੌਕਸ: { $n }
attention-uncertain = ਜਿਨ੍ਹਾਂ ਚਿੱਠੀਆਂ ਦੀ ਪਹੁੰਚ ਅਣਜਾਣ: { $n }
attention-failed = ਅਸਫਲ ਈਮੇਲਾਂ: { $n }
attention-overdue = ਕਾਰਵਾਈਆਂ ਜਿਨ੍ਹਾਂ ਦਾ ਡਾਟਾ ਮਿਟ ਜਾਣਾ ਚਾਹੀਦਾ ਸੀ: { $n }
attention-retention = ਕਾਰਵਾਈਆਂ ਜਿਨ੍ਹਾਂ ਦਾ ਡਾਟਾ 30 ਦਿਨਾਂ ਵਿੱਚ ਮਿਟੇਗਾ: { $n }
overview-days = ਦਿਨ ਅਨੁਸਾਰ ਦਸਤਖ਼ਤ ਅਤੇ ਚਿੱਠੀਆਂ
overview-most = ਇੱਕ ਦਿਨ ਵਿੱਚ ਸਭ ਤੋਂ ਵੱਧ: { $n }
overview-table = ਸਾਰਣੀ ਵਜੋਂ
overview-other = ਹੋਰ

# organization
organization-title = ਸੰਸਥਾ
organization-hint = ਤੁਹਾਡੀਆਂ ਈਮੇਲਾਂ ਵਿੱਚ ਲੋਕ ਤੁਹਾਡੇ ਬਾਰੇ ਕੀ ਪੜ੍ਹਦੇ ਹਨ।
organization-address = ਡਾਕ ਪਤਾ
organization-address-hint = ਹਰ ਈਮੇਲ ਅੱਪਡੇਟ ਦੇ ਅੰਤ ਵਿੱਚ ਹੁੰਦਾ ਹੈ। ਕਾਨੂੰਨ (CASL) ਇਹ ਮੰਗਦਾ ਹੈ ਅਤੇ ਇਸ ਤੋਂ ਬਿਨਾਂ ਕੁਝ ਨਹੀਂ ਭੇਜਿਆ ਜਾਂਦਾ। ਸੰਸਥਾ ਦਾ ਪਤਾ ਵਰਤੋ, ਕਿਸੇ ਦੇ ਘਰ ਦਾ ਨਹੀਂ।
organization-needed = ਭੇਜਣ ਤੋਂ ਪਹਿਲਾਂ: ਆਪਣੀ ਸੰਸਥਾ ਦਾ ਡਾਕ ਪਤਾ ਜੋੜੋ।
