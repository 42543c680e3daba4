letter-count = { $count ->
    [one] { $n } carta escrita hasta ahora
   *[other] { $n } cartas escritas hasta ahora
}
letter-to-title = Quién recibe su carta
letter-greeting = Empieza con «{ $greeting }»
letter-about-title = Por qué escribimos
letter-jump = Escribir su carta
letter-form-title = Su carta
letter-button = Enviar mi carta
letter-next = Después recibirá un correo nuestro. Su carta sale cuando pulse el botón de la página a la que lleva.
letter-held = Ahora estamos reuniendo cartas. La suya se guarda en lugar seguro y sale el día en que empieza la campaña.
letter-subject-hint = Elija una de nuestras sugerencias o escriba la suya.
letter-message-hint = Sus propias palabras son las que más cuentan. Cambie todo lo que quiera. Nosotros añadimos el saludo, y su nombre al pie del texto.
letter-message-hint-fixed = Este texto es igual para todas las personas. Nosotros añadimos el saludo, y su nombre al pie del texto.
letter-city-hint = Las autoridades responden primero a la gente de su zona.
letter-show-email-label = Poner mi correo electrónico en la carta, para que la oficina me pueda responder directamente.
letter-show-email-hint = Si no marca esto, la oficina recibe una dirección de respuesta nuestra en lugar de la suya.
letter-sent-title = Qué se envía, y a quién
letter-sent-what = Su nombre, su ciudad, su código postal y su texto van a estas oficinas:
letter-sent-onward = Lo que recibe un ministerio puede pasar a otros departamentos, y no podemos hacerlo volver.
letter-sent-email = Su correo electrónico va también solo si usted marca la casilla.
letter-data-seen = Quienes organizan pueden ver lo que usted escribe. El público ve solo cuántas cartas se han escrito.
letter-protected-note = La carta misma lleva su nombre a las oficinas indicadas arriba. Aparte de eso, nadie se entera de que usted escribió.

token-letter-confirm-heading = Envíe su carta
token-letter-confirm-line-1 = Su carta para «{ $title }» está lista.
token-letter-confirm-line-2 = Nada sale hasta que pulse el botón. Por favor, lea una vez más lo que se va a enviar.
token-letter-confirm-button = Sí, enviar mi carta
token-letter-confirm-done-heading = Gracias. Su carta va en camino.
token-letter-confirm-done-line-1 = Enviamos las cartas a un ritmo constante, para que cada una llegue. La suya puede tardar un poco.
token-letter-confirm-done-line-held = Se guarda en lugar seguro y sale el día en que empieza la campaña.
token-letter-manage-heading = Su carta
token-letter-manage-line-1 = Usted ha escrito una carta para «{ $title }».
token-letter-manage-line-2 = Lo que aún no ha salido se puede detener. Lo que ya se envió no puede volver.
token-letter-manage-button = Detener mi carta
token-letter-manage-done-heading = Su carta está detenida
token-letter-manage-done-line-1 = No sale nada más en su nombre. Lo que se había enviado antes no puede volver.
letter-state-pending = Espera su confirmación
letter-state-held = Guardada hasta que empiece la campaña
letter-state-queued = Espera su envío
letter-state-sent = Enviada
letter-state-failed = No se pudo entregar
letter-state-uncertain = Quizás enviada
letter-state-cancelled = Detenida
