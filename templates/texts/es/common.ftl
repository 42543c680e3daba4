skip-link = Ir al texto principal
nav-home = Inicio
nav-languages = Idioma
footer-line = Sin rastreadores ni publicidad. No guardamos su dirección IP ni ningún dato de su aparato.
hosted-by = Organiza { $name }
part-of = Parte de la campaña «{ $title }»
fallback-language = Por ahora este texto existe solo en este idioma: { $language }.

home-lead = Firme. Venga. Escriba a quienes deciden. Cada persona cuenta.
home-campaigns = Nuestras campañas
home-petitions = Peticiones para firmar
home-events = Encontrarnos
home-letters = Cartas para escribir
home-empty = No hay nada abierto en este momento. Vuelva pronto, por favor.

action-kind-petition = Petición
action-kind-event = Evento
action-kind-letter = Carta
action-go-campaign = Ver la campaña
action-go-petition = Leer y firmar
action-go-event = Ver los detalles e inscribirse
action-go-letter = Escribir su carta

status-draft = Borrador
status-waitlist = Lista de espera
status-closed = Cerrado
status-paused = En pausa
status-cancelled = Cancelado
status-past = Ya pasó
status-won = Lo logramos
status-lost = Terminó
status-not_yet = Abre pronto
standing-not_yet = Abre el { $date }.
standing-paused = Está en pausa. Vuelva pronto.
standing-closed = Está cerrado. Gracias a todas las personas que participaron.
standing-won = Lo logramos. Gracias a todas las personas que participaron.
standing-lost = Terminó. Esta vez no alcanzamos nuestra meta. Gracias a todas las personas que participaron.
standing-cancelled = Se canceló.
standing-since = Desde el { $date }
preview-banner = Vista previa: solo quienes tienen este enlace ven esta página. Desde aquí no se puede enviar nada.

campaign-actions = Lo que usted puede hacer
campaign-updates = Lo que ha pasado hasta ahora
campaign-chart = Las cifras
update-kind-news = Noticias
update-kind-win = Una victoria
update-kind-deadline = Fecha límite
update-kind-draw = Ronda de invitaciones
update-kind-press = En la prensa
update-kind-story = Una historia
update-source = Fuente

optional = (opcional)
form-errors-title = { $count ->
    [one] Hay una respuesta por revisar
   *[other] Hay { $n } respuestas por revisar
}
field-given_name = Nombre
field-family_name = Apellido
field-email = Correo electrónico
field-phone = Número de teléfono
field-postal_code = Código postal
field-city = Ciudad o pueblo
field-country = País
field-comments = ¿Por qué firma usted?
field-display = ¿Se puede mostrar su nombre?
field-updates = Noticias por correo
field-party_size = ¿Cuántas personas vienen, contándose usted?
field-interpretation = ¿Necesita interpretación?
field-access_needs = ¿Qué necesita para participar?
field-subject = Asunto
field-message = Su carta
field-show_email = Su correo electrónico en la carta
field-website = Deje esta casilla vacía
updates-label = Sí, envíenme noticias de esta campaña por correo electrónico. Puedo dejarlas cuando quiera.

country-CA = Canadá
country-US = Estados Unidos
country-MX = México
country-GT = Guatemala
country-CO = Colombia
country-HT = Haití
country-JM = Jamaica
country-PH = Filipinas
country-IN = India
country-PK = Pakistán
country-BD = Bangladés
country-NG = Nigeria
country-FR = Francia
country-GB = Reino Unido
country-other = Otro país

data-title = Qué pasa con sus datos
data-encrypted = Sus datos se guardan cifrados. No guardamos su dirección IP ni ningún dato de su aparato.
data-updates = Le escribimos sobre otras cosas solo si marca la casilla.
data-protected-list = Esta lista tiene su propia cerradura. Está separada de todas nuestras otras listas, y su llave se destruye cuando termina su tiempo.
data-protected-mail = Nuestros correos no dicen de qué se trata.
protected-badge = Protección especial

challenge-title = Una breve comprobación de que usted es una persona
challenge-wait = { $count ->
    [one] Hay mucha gente aquí en este momento. Espere un segundo y pulse el botón otra vez. Lo que escribió queda en el formulario.
   *[other] Hay mucha gente aquí en este momento. Espere { $n } segundos y pulse el botón otra vez. Lo que escribió queda en el formulario.
}
challenge-working = Su aparato está resolviendo un pequeño acertijo. Usted no tiene que hacer nada, y no se envía nada sobre usted.
challenge-done = Listo. Ya puede pulsar el botón.

received-title-email = Ahora revise su correo
received-title-none = Gracias
received-email-1 = Hemos recibido su formulario. Si todo está en orden, un correo va en camino. Ábralo, siga el enlace y pulse el botón.
received-email-petition = Su firma cuenta en cuanto lo haya hecho.
received-email-event = Su lugar queda pedido en cuanto lo haya hecho.
received-email-letter = Su carta sale en cuanto lo haya hecho.
received-none-petition = Hemos recibido su firma. El número público se actualiza cada pocos minutos.
received-none-event = Hemos recibido su inscripción.
received-none-letter = Hemos recibido su carta.
received-spam = ¿No hay nada después de diez minutos? Mire en la carpeta de correo no deseado, o revise la dirección y llene el formulario otra vez.
received-same = Para cuidar a todas las personas, esta página dice lo mismo a todo el mundo. Nadie puede usarla para saber quién ha participado.
received-back = Volver a «{ $title }»
received-mailbox = Abrir el buzón de demostración

token-details = Lo que se escribió
token-links = También puede
token-share-title = Ahora traiga a una persona más
token-own-count = { $count ->
    [one] Usted es la primera persona que firma.
   *[other] Con usted somos { $n } personas.
}
token-not-me-link = No fui yo
token-not-me-heading = ¿No fue usted?
token-not-me-line-1 = Entonces alguien escribió su dirección por error, o sin preguntarle.
token-not-me-line-2 = Pulse el botón y descartamos lo que se escribió. No se ha contado ni enviado nada en su nombre.
token-not-me-button = No fui yo
token-not-me-never-again = No volver a escribir nunca a esta dirección, la escriba quien la escriba
token-not-me-done-heading = Muy bien, queda descartado
token-not-me-done-line-1 = No se contó ni se envió nada en su nombre. No tiene que hacer nada más.
token-never-heading = Ningún correo más de nuestra parte
token-never-line-1 = Pulse el botón y nunca más escribiremos a esta dirección, por ninguna campaña.
token-never-button = No me escriban nunca más
token-never-done-heading = No volveremos a escribirle
token-never-done-line-1 = Su dirección está en la lista de personas a quienes no debemos escribir.
token-updates-heading = Dejar las noticias
token-updates-line-1 = Pulse el botón y no le enviaremos más noticias. Lo que firmó y sus inscripciones quedan como están.
token-updates-button = No me envíen más noticias
token-updates-done-heading = Ya no recibirá noticias nuestras
token-updates-done-line-1 = Lo que firmó y sus inscripciones quedan como están.
token-neutral-confirm-heading = Por favor, confirme
token-neutral-confirm-line-1 = Pulse el botón si usted pidió esto. Si no, simplemente cierre esta página.
token-neutral-confirm-button = Confirmar
token-neutral-confirm-done-heading = Gracias, queda confirmado
token-neutral-confirm-done-line-1 = Ya puede cerrar esta página.
token-neutral-manage-heading = Su registro
token-neutral-manage-line-1 = Pulse el botón si quiere que quitemos su registro.
token-neutral-manage-button = Quitar mi registro
token-neutral-manage-done-heading = Su registro está quitado
token-neutral-manage-done-line-1 = Ya puede cerrar esta página.

detail-name = Nombre
detail-email = Correo
detail-phone = Teléfono
detail-postal_code = Código postal
detail-city = Ciudad
detail-country = País
detail-comments = Comentario
detail-display = Nombre mostrado
detail-updates = Noticias por correo
detail-when = Cuándo
detail-place = Dónde
detail-party_size = Personas
detail-interpretation = Interpretación
detail-access_needs = Necesidades de acceso
detail-offices = Va a
detail-subject = Asunto
detail-message = Carta
detail-show_email = Correo en la carta
detail-status = Estado
value-yes = Sí
value-no = No
value-none = Ninguno

share-whatsapp = Compartir en WhatsApp
share-telegram = Compartir en Telegram
share-facebook = Compartir en Facebook
share-email = Compartir por correo
share-sms = Compartir por mensaje de texto
share-link = Abrir la página para compartir
code-title = Confirmar con un código
code-lead = Escriba su correo electrónico y el código de nuestro mensaje.
code-hint = Ocho letras y números
code-button = Confirmar
field-code = Código
my-title = Mis firmas
my-lead = Escriba su correo electrónico. Si ha firmado aquí, le enviamos el enlace de una página donde puede verlo, cambiarlo y borrarlo.
my-button = Envíenme el enlace
my-asked-title = Mire su correo
my-asked-lead = Si esta dirección ha firmado aquí, un mensaje con el enlace está en camino. Decimos lo mismo a todo el mundo, para que nadie pueda saber quién firmó.
own-display-link = Cambiar cómo se muestra mi nombre
own-display-heading = Cómo se muestra su nombre
own-display-line = Así se muestra su nombre junto a «{ $title }».
own-display-button = Guardar
own-display-done = Guardado
own-data-link = Descargar mis datos
own-data-heading = Sus datos
own-data-line = Recibe un archivo con todo lo que guardamos sobre sus firmas.
own-data-button = Descargar
own-erase-link = Borrarme
own-erase-heading = Borrar todo sobre usted
own-erase-line-1 = Se borra todo lo que guardamos sobre sus firmas: nombre, dirección, lo que escribió y lo que aceptó.
own-erase-line-2 = Lo que firmó queda en los totales, como un número. Las inscripciones a eventos y las cartas tienen sus propios enlaces.
own-erase-button = Borrarme
own-erase-done-heading = Está borrado
own-erase-done-line = Ya no guardamos nada sobre sus firmas.
own-signed = Firmado
