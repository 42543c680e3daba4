skip-link = Aller au texte principal
nav-home = Accueil
nav-languages = Langue
footer-line = Ni pistage ni publicité. Nous ne gardons aucune trace de votre adresse IP ni de votre appareil.
hosted-by = Organisé par { $name }
part-of = Fait partie de la campagne « { $title } »
fallback-language = Ce texte n’existe pour l’instant qu’en cette langue : { $language }.

home-lead = Signez. Venez. Écrivez aux personnes qui décident. Chacune, chacun de nous compte.
home-campaigns = Nos campagnes
home-petitions = Pétitions à signer
home-events = Se rassembler
home-letters = Lettres à écrire
home-empty = Rien n’est ouvert en ce moment. Revenez bientôt.

action-kind-petition = Pétition
action-kind-event = Événement
action-kind-letter = Lettre
action-go-campaign = Voir la campagne
action-go-petition = Lire et signer
action-go-event = Voir les détails et s’inscrire
action-go-letter = Écrire votre lettre

status-draft = Brouillon
status-waitlist = Liste d’attente
status-closed = Terminé
status-paused = En pause
status-cancelled = Annulé
status-past = Passé
status-won = Gagné
status-lost = Fini
status-not_yet = Bientôt ouvert
standing-not_yet = Ouverture le { $date }.
standing-paused = C’est en pause. Revenez bientôt.
standing-closed = C’est terminé. Merci à toutes les personnes qui ont participé.
standing-won = Nous avons gagné. Merci à toutes les personnes qui ont participé.
standing-lost = C’est fini. Nous n’avons pas atteint notre but cette fois. Merci à toutes les personnes qui ont participé.
standing-cancelled = C’est annulé.
standing-since = Depuis le { $date }
preview-banner = Aperçu : seules les personnes qui ont ce lien voient cette page. Rien ne peut en être envoyé.

campaign-actions = Ce que vous pouvez faire
campaign-updates = Ce qui s’est passé jusqu’ici
campaign-chart = Les chiffres
update-kind-news = Nouvelles
update-kind-win = Une victoire
update-kind-deadline = Date limite
update-kind-draw = Tirage
update-kind-press = Dans la presse
update-kind-story = Un témoignage
update-source = Lire la source

optional = (facultatif)
form-errors-title = { $count ->
    [one] Une réponse est à revoir
   *[other] { $n } réponses sont à revoir
}
field-given_name = Prénom
field-family_name = Nom de famille
field-email = Adresse courriel
field-phone = Numéro de téléphone
field-postal_code = Code postal
field-city = Ville ou village
field-country = Pays
field-comments = Pourquoi signez-vous?
field-display = Votre nom peut-il être affiché?
field-updates = Nouvelles par courriel
field-party_size = Combien de personnes viennent, vous compris?
field-interpretation = Avez-vous besoin d’interprétation?
field-access_needs = De quoi avez-vous besoin pour participer?
field-subject = Objet
field-message = Votre lettre
field-show_email = Votre adresse courriel dans la lettre
field-website = Laissez cette case vide
updates-label = Oui, envoyez-moi des nouvelles de cette campagne par courriel. Je peux arrêter à tout moment.

country-CA = Canada
country-US = États-Unis
country-MX = Mexique
country-GT = Guatemala
country-CO = Colombie
country-HT = Haïti
country-JM = Jamaïque
country-PH = Philippines
country-IN = Inde
country-PK = Pakistan
country-BD = Bangladesh
country-NG = Nigéria
country-FR = France
country-GB = Royaume-Uni
country-other = Un autre pays

data-title = Ce que deviennent vos données
data-encrypted = Vos renseignements sont conservés chiffrés. Nous ne gardons aucune trace de votre adresse IP ni de votre appareil.
data-updates = Nous vous écrivons à d’autres sujets seulement si vous cochez la case.
data-protected-list = Cette liste a son propre verrou. Elle est tenue à l’écart de toutes nos autres listes, et sa clé est détruite quand son temps est écoulé.
data-protected-mail = Nos courriels ne disent pas de quoi il s’agit.
protected-badge = Protection renforcée

challenge-title = Une petite vérification que vous êtes une personne
challenge-wait = { $count ->
    [one] Il y a beaucoup de monde en ce moment. Attendez une seconde, puis appuyez de nouveau sur le bouton. Ce que vous avez écrit reste dans le formulaire.
   *[other] Il y a beaucoup de monde en ce moment. Attendez { $n } secondes, puis appuyez de nouveau sur le bouton. Ce que vous avez écrit reste dans le formulaire.
}
challenge-working = Votre appareil résout une petite énigme. Vous n’avez rien à faire, et rien sur vous n’est envoyé.
challenge-done = C’est fait. Vous pouvez appuyer sur le bouton.

received-title-email = Consultez maintenant vos courriels
received-title-none = Merci
received-email-1 = Nous avons reçu votre formulaire. Si tout est en ordre, un courriel est en route. Ouvrez-le, suivez son lien et appuyez sur le bouton.
received-email-petition = Votre signature compte dès que vous l’avez fait.
received-email-event = Votre place est demandée dès que vous l’avez fait.
received-email-letter = Votre lettre part dès que vous l’avez fait.
received-none-petition = Nous avons reçu votre signature. Le nombre public est mis à jour toutes les quelques minutes.
received-none-event = Nous avons reçu votre inscription.
received-none-letter = Nous avons reçu votre lettre.
received-spam = Toujours rien après dix minutes? Regardez dans vos indésirables, ou vérifiez l’adresse et remplissez de nouveau le formulaire.
received-same = Pour la sécurité de tout le monde, cette page dit la même chose à chaque personne. Nul ne peut s’en servir pour savoir qui a participé.
received-back = Retour à « { $title } »
received-mailbox = Ouvrir la boîte de démonstration

token-details = Ce qui a été saisi
token-links = Vous pouvez aussi
token-share-title = Amenez maintenant une personne de plus
token-own-count = { $count ->
    [one] Vous êtes la première personne à signer.
   *[other] Avec vous, nous sommes { $n } personnes.
}
token-not-me-link = Ce n’était pas moi
token-not-me-heading = Ce n’était pas vous?
token-not-me-line-1 = Alors quelqu’un a saisi votre adresse par erreur, ou sans vous le demander.
token-not-me-line-2 = Appuyez sur le bouton et nous écartons ce qui a été saisi. Rien n’a été compté ni envoyé en votre nom.
token-not-me-button = Ce n’était pas moi
token-not-me-never-again = Ne plus jamais écrire à cette adresse, peu importe qui la saisit
token-not-me-done-heading = C’est écarté
token-not-me-done-line-1 = Rien n’a été compté ni envoyé en votre nom. Vous n’avez plus rien à faire.
token-never-heading = Plus aucun courriel de notre part
token-never-line-1 = Appuyez sur le bouton et nous n’écrirons plus jamais à cette adresse, pour aucune campagne.
token-never-button = Ne plus jamais m’écrire
token-never-done-heading = Nous ne vous écrirons plus
token-never-done-line-1 = Votre adresse figure sur la liste des personnes à qui nous ne devons pas écrire.
token-updates-heading = Arrêter les nouvelles
token-updates-line-1 = Appuyez sur le bouton et nous ne vous envoyons plus de nouvelles. Vos signatures et vos inscriptions ne changent pas.
token-updates-button = Ne plus m’envoyer de nouvelles
token-updates-done-heading = Vous ne recevez plus de nouvelles de notre part
token-updates-done-line-1 = Vos signatures et vos inscriptions ne changent pas.
token-neutral-confirm-heading = Veuillez confirmer
token-neutral-confirm-line-1 = Appuyez sur le bouton si vous avez demandé ceci. Sinon, fermez simplement cette page.
token-neutral-confirm-button = Confirmer
token-neutral-confirm-done-heading = Merci, c’est confirmé
token-neutral-confirm-done-line-1 = Vous pouvez fermer cette page.
token-neutral-manage-heading = Votre inscription
token-neutral-manage-line-1 = Appuyez sur le bouton si vous voulez que nous retirions ce que vous avez saisi.
token-neutral-manage-button = Retirer ce que j’ai saisi
token-neutral-manage-done-heading = C’est retiré
token-neutral-manage-done-line-1 = Vous pouvez fermer cette page.

detail-name = Nom
detail-email = Courriel
detail-phone = Téléphone
detail-postal_code = Code postal
detail-city = Ville
detail-country = Pays
detail-comments = Commentaire
detail-display = Nom affiché
detail-updates = Nouvelles par courriel
detail-when = Quand
detail-place = Où
detail-party_size = Personnes
detail-interpretation = Interprétation
detail-access_needs = Besoins d’accès
detail-offices = Envoyée à
detail-subject = Objet
detail-message = Lettre
detail-show_email = Courriel dans la lettre
detail-status = État
value-yes = Oui
value-no = Non
value-none = Aucun

share-whatsapp = Partager sur WhatsApp
share-telegram = Partager sur Telegram
share-facebook = Partager sur Facebook
share-email = Partager par courriel
share-sms = Partager par texto
share-link = Ouvrir la page à partager
code-title = Confirmer avec un code
code-lead = Saisissez votre adresse courriel et le code de notre courriel.
code-hint = Huit lettres et chiffres
code-button = Confirmer
field-code = Code
my-title = Mes signatures
my-lead = Saisissez votre adresse courriel. Si elle a signé ici, nous lui envoyons le lien d’une page où vous pouvez voir, changer et effacer cela.
my-button = M’envoyer le lien
my-asked-title = Regardez votre boîte de réception
my-asked-lead = Si cette adresse a signé ici, un courriel avec le lien est en route. Nous disons la même chose à tout le monde, pour que personne ne puisse savoir qui a signé.
own-display-link = Changer comment mon nom est montré
own-display-heading = Comment votre nom est montré
own-display-line = Voici comment votre nom est montré à côté de « { $title } ».
own-display-button = Enregistrer
own-display-done = C’est enregistré
own-data-link = Télécharger mes données
own-data-heading = Vos données
own-data-line = Vous recevez un fichier avec tout ce que nous gardons sur vos signatures.
own-data-button = Télécharger
own-erase-link = M’effacer
own-erase-heading = Effacer tout ce qui vous concerne
own-erase-line-1 = Tout ce que nous gardons sur vos signatures est effacé : nom, adresse, ce que vous avez écrit et ce que vous avez accepté.
own-erase-line-2 = Ce que vous avez signé reste dans les totaux, comme un nombre. Les inscriptions aux événements et les lettres ont leurs propres liens.
own-erase-button = M’effacer
own-erase-done-heading = Vous êtes effacé
own-erase-done-line = Nous ne gardons plus rien sur vos signatures.
own-signed = Signé
