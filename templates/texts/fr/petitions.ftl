petition-count = { $count ->
    [one] { $n } personne a signé
   *[other] { $n } personnes ont signé
}
petition-goal = sur { $n }
petition-progress-label = Signatures vers l’objectif
petition-to = À
petition-text-title = Ce que nous demandons
petition-about-title = Pourquoi c’est important
petition-jump = Signer maintenant
petition-sign-title = Signez cette pétition
petition-sign-button = Ajouter mon nom
petition-sign-button-protected = Signer
petition-next-email = Vous recevrez ensuite un courriel. Votre signature compte une fois que vous avez appuyé sur le bouton de la page indiquée.
petition-next-none = Votre signature compte dès que vous appuyez sur le bouton.
petition-protected-note = Rien sur vous n’est montré à qui que ce soit. Il nous faut seulement votre adresse courriel, pour que chaque personne signe une seule fois.
petition-comments-hint = Les organisatrices et organisateurs le lisent et peuvent le publier, avec votre nom seulement comme vous le choisissez ci-dessous. N’écrivez rien qui puisse vous mettre en danger, vous ou quelqu’un d’autre.
petition-postal-hint = Montre de quelles circonscriptions nous venons, par grands groupes seulement.
display-hidden = Non, seul le nombre augmente
display-initials = Mes initiales seulement
display-first_name = Mon prénom et ma ville
display-full_name = Mon nom complet
petition-data-seen = L’équipe organisatrice peut voir ce que vous saisissez. Tous les autres voient un nombre, et votre nom seulement si vous le choisissez.
petition-data-seen-protected = Seule l’équipe organisatrice peut ouvrir cette liste. Tous les autres voient un nombre et rien de plus.
petition-data-withdraw = Vous pouvez retirer votre signature à tout moment, avec un lien que nous vous envoyons par courriel.

token-petition-confirm-heading = Confirmez votre signature
token-petition-confirm-line-1 = Vous êtes sur le point de signer « { $title } ».
token-petition-confirm-line-2 = Rien ne compte avant que vous appuyiez sur le bouton.
token-petition-confirm-button = Oui, je signe
token-petition-confirm-done-heading = Merci. Votre signature compte.
token-petition-confirm-done-line-1 = Vous avez signé « { $title } ».
token-petition-confirm-done-line-2 = Notre prochain courriel contient un lien qui vous permet de retirer votre signature.
token-petition-manage-heading = Votre signature
token-petition-manage-line-1 = Vous avez signé « { $title } ».
token-petition-manage-line-2 = Vous pouvez retirer votre signature. Elle ne comptera alors plus.
token-petition-manage-button = Retirer ma signature
token-petition-manage-done-heading = Votre signature est retirée
token-petition-manage-done-line-1 = Elle ne compte plus pour « { $title } ». Vous pouvez revenir à tout moment.
petition-letter-title = Votre lettre
petition-letter-hint = En signant, vous envoyez aussi cette lettre, une fois votre signature confirmée. Modifiez-la si vous voulez : vos propres mots ont le plus de poids.
petition-keep-nothing = Comptez-moi, ne gardez rien : effacez mon nom et mon adresse dès que j’ai confirmé
petition-keeps-nothing = Nous effaçons votre nom et votre adresse dès que vous avez confirmé. Seul le nombre reste.
token-nothing-kept = Nous avons effacé votre nom et votre adresse. Seul le nombre reste.
token-keep-link = Gardez ce lien : il mène à ce que vous avez saisi
petition-comments-title = Ce que disent les gens
petition-comments-somebody = Une personne solidaire
petition-extra = et { $n } sur papier
