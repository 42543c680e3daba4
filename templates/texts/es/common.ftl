skip-link = Ir al contenido principal
nav-home = Inicio
nav-languages = Idioma
language-en = inglés
language-fr = francés
language-es = español
language-pa = panyabí
footer-line = Sin rastreadores ni publicidad. No guardamos su dirección IP ni ningún dato de su dispositivo.
hosted-by = Organiza: { $name }
part-of = Campaña: { $title }
fallback-language = Este texto aún no está traducido. Se muestra en { $language }.

home-lead = Firme una petición. Venga a un evento. Escriba a quienes deciden. Cada persona cuenta.
home-campaigns = Nuestras campañas
home-petitions = Peticiones
home-events = Próximos eventos
home-letters = Escribir una carta
home-empty = No hay acciones abiertas en este momento. Vuelva pronto.

action-kind-petition = Petición
action-kind-event = Evento
action-kind-letter = Carta
action-go-campaign = Ver la campaña
action-go-petition = Leer y firmar
action-go-event = Ver los detalles e inscribirse
action-go-letter = Escribir una carta

status-draft = Borrador
status-waitlist = Lista de espera
status-closed = Cerrado
status-paused = En pausa
status-cancelled = Cancelado
status-past = Finalizado
status-won = Ganado
status-lost = Finalizado
status-not_yet = Próximamente
standing-not_yet = Abre el { $date }.
standing-paused = Esta acción está en pausa. Vuelva pronto.
standing-closed = Esta acción está cerrada. Gracias a todas las personas que participaron.
standing-won = ¡Ganamos! Gracias a todas las personas que participaron.
standing-lost = Esta acción terminó. Esta vez no ganamos. Gracias a todas las personas que participaron.
standing-cancelled = Esta acción se canceló.
standing-since = Desde el { $date }
preview-banner = Vista previa: solo quienes tienen este enlace ven esta página. El formulario no se puede enviar.

campaign-actions = Participe
campaign-updates = Actualizaciones
campaign-chart = Cifras clave
update-kind-news = Noticia
update-kind-win = Victoria
update-kind-deadline = Fecha límite
update-kind-draw = Ronda de invitaciones
update-kind-press = Comunicado de prensa
update-kind-story = Testimonio
update-source = Fuente

optional = (opcional)
form-errors-title = { $count ->
    [one] Hay un problema con una respuesta
   *[other] Hay un problema con { $n } respuestas
}
field-given_name = Nombre
field-family_name = Apellido
field-email = Correo electrónico
field-phone = Número de teléfono
field-postal_code = Código postal
field-city = Ciudad o pueblo
field-country = País
field-comments = ¿Por qué firma usted?
field-display = ¿Mostrar mi nombre en público?
field-updates = Novedades por correo
field-party_size = ¿Cuántas personas vienen, contándose usted?
field-interpretation = ¿Necesita interpretación?
field-access_needs = ¿Tiene necesidades de accesibilidad?
field-subject = Asunto
field-message = Su carta
field-show_email = Su correo electrónico en la carta
field-website = Deje este campo vacío
updates-label = Sí, quiero recibir novedades de esta campaña por correo. Puedo darme de baja en cualquier momento.

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

data-title = Cómo usamos sus datos
data-encrypted = Sus datos personales se guardan cifrados. No guardamos su dirección IP ni ningún dato de su dispositivo.
data-updates = Le escribimos sobre otros temas solo si acepta recibir novedades.
data-protected-list = Esta lista está cifrada con su propia clave y separada de nuestras otras listas. Destruimos la clave cuando la acción termina; entonces nadie puede leer la lista.
data-protected-mail = Nuestros correos no mencionan de qué tratan.
protected-badge = Privacidad reforzada

challenge-title = Verificación de seguridad rápida
challenge-wait = { $count ->
    [one] Esta página recibe muchas visitas. Espere 1 segundo y pulse el botón otra vez. Lo que escribió sigue en el formulario.
   *[other] Esta página recibe muchas visitas. Espere { $n } segundos y pulse el botón otra vez. Lo que escribió sigue en el formulario.
}
challenge-working = Su dispositivo está haciendo una verificación de seguridad. No tiene que hacer nada, y no se envía ninguna información sobre usted.
challenge-done = Listo. Ya puede pulsar el botón.

received-title-email = Revise su correo
received-title-none = Gracias
received-email-1 = Recibimos su formulario. Debería recibir un correo nuestro en unos minutos. Ábralo, siga el enlace y pulse el botón de la página para confirmar.
received-email-petition = Su firma cuenta solo después de que la confirme.
received-email-event = Su inscripción vale solo después de que la confirme.
received-email-letter = Su carta se envía solo después de que la confirme.
received-none-petition = Recibimos su firma. El total público se actualiza cada pocos minutos.
received-none-event = Recibimos su inscripción.
received-none-letter = Recibimos su carta.
received-spam = ¿No recibió nada después de diez minutos? Revise la carpeta de spam. Si no está ahí, compruebe la dirección que escribió y envíe el formulario de nuevo.
received-same = Por la seguridad de todas las personas, esta página es igual para todo el mundo: nadie puede usarla para saber quién ha participado.
received-back = Volver a «{ $title }»
received-mailbox = Abrir la bandeja de entrada de demostración

token-details = Sus datos
token-links = Más opciones
token-share-title = Invite a otra persona a firmar
token-own-count = { $count ->
    [one] Usted es la primera persona en firmar.
   *[other] Con usted, han firmado { $n } personas.
}
token-not-me-link = No fui yo
token-not-me-heading = ¿No fue usted?
token-not-me-line-1 = Es posible que alguien haya escrito su dirección por error o sin preguntarle.
token-not-me-line-2 = Pulse el botón y eliminaremos lo que se escribió. No se ha contado ni enviado nada en su nombre.
token-not-me-button = No fui yo
token-not-me-never-again = No volver a escribir nunca a esta dirección, sin importar quién la ponga
token-not-me-done-heading = Eliminado
token-not-me-done-line-1 = No se contó ni se envió nada en su nombre. No tiene que hacer nada más.
token-neutral-confirm-heading = Por favor, confirme
token-neutral-confirm-line-1 = Pulse el botón si usted pidió esto. Si no, simplemente cierre esta página.
token-neutral-confirm-button = Confirmar
token-neutral-confirm-done-heading = Gracias por confirmar
token-neutral-confirm-done-line-1 = Ya puede cerrar esta página.
token-neutral-manage-heading = Su solicitud
token-neutral-manage-line-1 = Pulse el botón si quiere retirar su solicitud.
token-neutral-manage-button = Retirar mi solicitud
token-neutral-manage-done-heading = Su solicitud se retiró
token-neutral-manage-done-line-1 = Ya puede cerrar esta página.

detail-name = Nombre
detail-email = Correo
detail-phone = Teléfono
detail-postal_code = Código postal
detail-city = Ciudad
detail-country = País
detail-comments = Comentario
detail-display = Mostrar nombre en público
detail-updates = Novedades por correo
detail-when = Cuándo
detail-place = Dónde
detail-party_size = Número de personas
detail-interpretation = Interpretación
detail-access_needs = Necesidades de accesibilidad
detail-offices = Destinatarios
detail-subject = Asunto
detail-message = Carta
detail-show_email = Correo en la carta
detail-status = Estado
value-yes = Sí
value-no = No

share-whatsapp = Compartir en WhatsApp
share-telegram = Compartir en Telegram
share-facebook = Compartir en Facebook
share-email = Compartir por correo
code-title = Confirmar con un código
code-lead = Escriba su correo electrónico y el código de nuestro mensaje.
code-hint = 8 letras y números
code-button = Confirmar
field-code = Código
my-title = Mi página
my-lead = Escriba su correo electrónico. Si con él se ha firmado, inscrito o escrito aquí, le enviamos un enlace a una página donde puede ver, cambiar y eliminar todo.
my-button = Envíenme el enlace
my-asked-title = Revise su correo
my-asked-lead = Si esta dirección se ha usado aquí, le enviamos un correo con el enlace. Todo el mundo ve este mismo mensaje, para que nadie pueda saber quién participó.
own-display-link = Cambiar cómo se muestra mi nombre
own-display-heading = Cómo se muestra su nombre
own-display-line = Elija cómo se muestra su nombre junto a su firma en «{ $title }».
own-display-button = Guardar
own-display-done = Guardado
own-data-link = Descargar mis datos
own-data-heading = Sus datos
own-data-line = Descargue un archivo con todos los datos que guardamos sobre usted.
own-data-button = Descargar
own-delete-link = Eliminar mis datos
own-delete-heading = Eliminar sus datos
own-delete-line-1 = Eliminamos todos los datos que guardamos sobre usted: nombre y dirección, firmas, inscripciones a eventos, cartas, comentarios y consentimientos.
own-delete-line-2 = Sus firmas y las cartas enviadas siguen en los totales, solo como número. Sus lugares pasan a otras personas. Las cartas enviadas no se pueden recuperar.
own-delete-button = Eliminar mis datos
own-delete-done-heading = Sus datos se eliminaron
own-delete-done-line = Ya no guardamos ningún dato sobre usted.
own-signed = Petición firmada
own-registered = Inscripción
own-wrote = Carta escrita
share-bluesky = Compartir en Bluesky
share-x = Compartir en X
poster-scan-petition = Escanee para firmar
poster-scan-event = Escanee para inscribirse
poster-scan-letter = Escanee para enviar una carta
update-told-by = Testimonio de { $name } (nombre cambiado)
update-media-contact = Contacto de prensa
