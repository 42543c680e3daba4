petition-count = { $count ->
    [one] { $n } persona ha firmado
   *[other] { $n } personas han firmado
}
petition-goal = de { $n }
petition-progress-label = Firmas hacia la meta
petition-to = Para
petition-text-title = Lo que pedimos
petition-about-title = Por qué importa
petition-jump = Firmar ahora
petition-sign-title = Firme esta petición
petition-sign-button = Sumar mi nombre
petition-sign-button-protected = Firmar
petition-next-email = Después recibirá un correo nuestro. Su firma cuenta cuando pulse el botón de la página a la que lleva.
petition-next-none = Su firma cuenta en cuanto pulse el botón.
petition-protected-note = No se muestra nada sobre usted a nadie. Solo necesitamos su correo electrónico, para que cada persona firme una vez.
petition-comments-hint = Quienes organizan lo leen y pueden publicarlo, con su nombre solo como usted elija abajo. No escriba nada que pueda ponerle en riesgo a usted o a otra persona.
petition-postal-hint = Muestra de qué distritos venimos, solo en grupos grandes.
display-hidden = No, que solo crezca el número
display-initials = Solo mis iniciales
display-first_name = Mi nombre y mi ciudad
display-full_name = Mi nombre completo
petition-data-seen = Quienes organizan pueden ver lo que usted escribe. Los demás ven un número, y su nombre solo si usted lo elige.
petition-data-seen-protected = Solo quienes organizan pueden abrir esta lista. Los demás ven un número y nada más.
petition-data-withdraw = Puede retirar su firma cuando quiera, con un enlace que le enviamos por correo.

token-petition-confirm-heading = Confirme su firma
token-petition-confirm-line-1 = Está a punto de firmar «{ $title }».
token-petition-confirm-line-2 = Nada cuenta hasta que pulse el botón.
token-petition-confirm-button = Sí, firmo
token-petition-confirm-done-heading = Gracias. Su firma cuenta.
token-petition-confirm-done-line-1 = Usted ha firmado «{ $title }».
token-petition-confirm-done-line-2 = Nuestro próximo correo trae un enlace con el que puede retirar su firma.
token-petition-manage-heading = Su firma
token-petition-manage-line-1 = Usted ha firmado «{ $title }».
token-petition-manage-line-2 = Puede retirar su firma. Entonces dejará de contar.
token-petition-manage-button = Retirar mi firma
token-petition-manage-done-heading = Su firma está retirada
token-petition-manage-done-line-1 = Ya no cuenta para «{ $title }». Puede volver cuando quiera.
petition-letter-title = Tu carta
petition-letter-hint = Al firmar también envías esta carta, una vez que hayas confirmado. Cámbiala si quieres: lo que más cuenta son tus propias palabras.
petition-keep-nothing = Cuéntenme, no guarden nada: borren mi nombre y mi dirección en cuanto confirme
petition-keeps-nothing = Borramos su nombre y su dirección en cuanto confirma. Solo queda el número.
token-nothing-kept = Hemos borrado su nombre y su dirección. Solo queda el número.
token-keep-link = Guarde este enlace: lleva a su registro
petition-comments-title = Lo que dice la gente
petition-comments-somebody = Una persona solidaria
petition-extra = y { $n } en papel
