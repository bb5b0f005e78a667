from django.db import migrations

OFFER_EN = """This is a sample. It was put here when the shop was installed and binds nobody. The operator of this shop must replace it with an offer of their own before selling anything.

1. Who sells. The seller is the operator of this shop: [full name or company, tax number, address, e-mail].

2. What is sold. The seller gives the customer access to servers through which the customer's device connects to the internet over a protected connection. The plan the customer chooses says for how many days, with how much traffic and on how many devices. The seller shows the plan and its price before payment.

3. How the agreement is made. The customer reads this offer, presses "I accept the offer" in the bot and pays the order. From that moment the agreement is in force in the version the customer accepted. The bot keeps the version and the time.

4. When access starts and ends. Access starts once the payment has arrived, as a rule within a minute, and ends when the paid days are over. A renewal is added after the days that are left. Nothing is charged by itself: every period is paid by the customer.

5. What the customer may not do. Access must not be used for anything the law forbids, to attack other systems, to send unwanted mail, or be sold on. For such use the seller may end the access.

6. If something does not work. The customer writes to support, and the seller repairs the fault or adds the days that were lost. Single sites or networks may be out of reach for reasons the seller has no power over.

7. Money back. The customer may give up the access at any time and gets back the price of the unused days, less costs the seller really had. The money returns the way it was paid, as a rule within ten days of the request.

8. Changes. A new version of this offer holds for orders made after it was published. The customer is asked to accept it before the next order; paid days stay as they were bought."""

OFFER_RU = """Это образец. Он появился при установке магазина и никого ни к чему не обязывает. Владелец магазина должен заменить его собственной офертой до начала продаж.

1. Кто продаёт. Продавец — владелец этого магазина: [полное имя или название, ИНН, адрес, электронная почта].

2. Что продаётся. Продавец предоставляет покупателю доступ к серверам, через которые устройство покупателя выходит в интернет по защищённому соединению. На сколько дней, с каким объёмом трафика и для скольких устройств — указано в выбранном тарифе. Тариф и цену продавец показывает до оплаты.

3. Как заключается договор. Покупатель читает оферту, нажимает в боте «Принимаю оферту» и оплачивает заказ. С этого момента договор действует в той редакции, которую принял покупатель. Бот хранит номер редакции и время согласия.

4. Когда начинается и заканчивается доступ. Доступ начинается после поступления оплаты, обычно в течение минуты, и прекращается, когда оплаченные дни закончились. При продлении новые дни добавляются к оставшимся. Сами собой деньги не списываются: каждый период покупатель оплачивает сам.

5. Чего делать нельзя. Доступ нельзя использовать для того, что запрещено законом, для атак на чужие системы и рассылки спама, а также перепродавать. При таком использовании продавец вправе прекратить доступ.

6. Если что-то не работает. Покупатель пишет в поддержку, а продавец устраняет неполадку или добавляет потерянные дни. Отдельные сайты и сети могут быть недоступны по причинам, на которые продавец не влияет.

7. Возврат денег. Покупатель может отказаться от доступа в любой момент и получить стоимость неиспользованных дней за вычетом фактически понесённых продавцом расходов. Деньги возвращаются тем же способом, которым поступили, обычно в течение десяти дней после обращения.

8. Изменения. Новая редакция оферты действует для заказов, сделанных после её публикации. Перед следующим заказом покупателя попросят её принять; оплаченные дни остаются на прежних условиях."""

DATA_EN = """This is a sample. It was put here when the shop was installed. The operator of this shop must replace it with a consent of their own that names them and says what they really do with data.

1. To whom. I agree that the operator of this shop, [full name or company, tax number, address], processes my personal data.

2. What data. My Telegram account's number, name and user name, the language I chose; my orders, payments and refunds, without full card numbers, which only the payment provider sees; how much traffic I used and when my access was last renewed; what I write to the bot and to support.

3. What for. To give me the access I paid for, to take payments and return money, to answer me, and to keep the records the law asks for. For advertising this consent gives no permission.

4. What is done with it. The data is collected, stored, changed, used, and erased, by computer. It is passed to the payment provider as far as a payment needs it, and to those the law obliges the operator to tell. Which sites I visit is not recorded.

5. How long. Until I withdraw this consent or the operator no longer needs the data. Records of payments are kept as long as the law demands.

6. How to withdraw. I can withdraw this consent at any time by writing to support or to [e-mail]. The data is then erased, except what the law tells the operator to keep."""

DATA_RU = """Это образец. Он появился при установке магазина. Владелец магазина должен заменить его собственным согласием, в котором назван он сам и то, что он действительно делает с данными.

1. Кому. Я соглашаюсь на обработку моих персональных данных владельцем этого магазина: [полное имя или название, ИНН, адрес].

2. Какие данные. Номер, имя и имя пользователя моей учётной записи в Telegram, выбранный язык; мои заказы, платежи и возвраты — без полных номеров карт, которые видит только платёжный сервис; объём использованного трафика и время последнего продления; то, что я пишу боту и в поддержку.

3. Зачем. Чтобы предоставить мне оплаченный доступ, принимать платежи и возвращать деньги, отвечать мне и вести учёт, которого требует закон. Разрешения на рекламу это согласие не даёт.

4. Что с ними делают. Данные собирают, хранят, изменяют, используют и удаляют с помощью компьютера. Их передают платёжному сервису — в том объёме, который нужен для платежа, — и тем, кому владелец обязан их сообщить по закону. Какие сайты я посещаю, не записывается.

5. На какой срок. До отзыва этого согласия или до тех пор, пока данные нужны владельцу. Сведения о платежах хранятся столько, сколько требует закон.

6. Как отозвать. Я могу отозвать согласие в любой момент, написав в поддержку или на [электронная почта]. После этого данные удаляют, кроме тех, которые закон обязывает хранить."""

SAMPLES = (
    {
        "kind": "offer",
        "title_en": "Offer (sample)",
        "title_ru": "Оферта (образец)",
        "body_en": OFFER_EN,
        "body_ru": OFFER_RU,
    },
    {
        "kind": "personal_data",
        "title_en": "Consent to the processing of personal data (sample)",
        "title_ru": "Согласие на обработку персональных данных (образец)",
        "body_en": DATA_EN,
        "body_ru": DATA_RU,
    },
)


def add(apps, schema_editor):
    """Publish samples, so that a new shop shows what customers will be asked. Staff publish their own."""
    documents = apps.get_model("accounts", "Document")
    for sample in SAMPLES:
        if not documents.objects.filter(kind=sample["kind"]).exists():
            documents.objects.create(version=1, published_by="installation", **sample)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_documents")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
