"""The catalogue of every enforceable rule of 晋教〔2026〕1号: what each is about, in one sentence.

The sentences are our own, Chinese first, and stand beside the rule id in answers. The texts appear in refusals, so
they hold no personal data, and nothing that would tell something of the pupil the answer is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Mark(StrEnum):
    """How strictly a rule binds; of two marks, the stronger."""

    MUST = "must"
    """Categorical: the system refuses, with no override."""
    MUST_NOT = "must-not"
    """Categorical, as a prohibition."""
    PRINCIPLE = "principle"
    """Refused by default; a named approver may grant an exception."""
    DEADLINE = "deadline"
    """Late action stays possible and is recorded as late."""
    RECORD = "record"
    """The system must keep this."""
    DERIVED = "derived"
    """Our reading, needed to make a rule of the text work."""
    MAY = "may"
    """Permitted, not required."""


@dataclass(frozen=True, slots=True)
class Regulation:
    """One rule: its id, how strictly it binds, and what it says in Chinese and English."""

    id: str
    mark: Mark
    zh: str
    en: str
    exception_by: str | None = None
    """The party that may grant an exception, as a value of ``Party``; of a PRINCIPLE only."""

    @property
    def article(self) -> str:
        """Return the number of the article, ``"28"`` of ``A28-1``; empty for the rules of states and of time."""
        return self.id[1:].partition("-")[0] if self.id.startswith("A") else ""


def _r(rule: str, mark: Mark, zh: str, en: str, exception_by: str | None = None) -> Regulation:
    return Regulation(rule, mark, zh, en, exception_by)


# A rule in one to three lines, so that the catalogue can be read as a list.
# fmt: off
_RULES = (
    # 第一章 总则
    _r("A2-1", Mark.MUST, "只有依法实施义务教育或普通高中教育的学校可以建立学籍",
       "Only schools lawfully giving compulsory or regular senior education hold student records"),
    _r("A2-2", Mark.MUST, "中职学校只有综合高中班可以注册普通高中学籍",
       "In a vocational school only comprehensive senior classes hold regular senior records"),
    _r("A3-1", Mark.MUST, "每所学校有且只有一个上级学籍管理部门和一个主管部门",
       "Every school has exactly one registry superior and one supervising department"),
    _r("A3-2", Mark.MUST, "教育行政部门只办理本部门所管学校的学籍事项",
       "A department acts only on the schools it manages"),
    _r("A3-3", Mark.RECORD, "学校的校长和学籍管理员及其任职起止日期应当登记",
       "The head and the registrar of every school are recorded with the dates they served"),
    _r("A3-4", Mark.MUST, "没有学籍管理员的教学点由中心校代办，并记明两个单位",
       "A teaching point without a registrar acts through its central school, and both are named"),
    _r("A3-5", Mark.MUST, "学校应当为监护人查询和更新学籍信息提供便利",
       "Guardians can see their child's registry information and ask to update it"),
    _r("A3-6", Mark.RECORD, "县级教育行政部门定期核查学籍变动并留下核查记录",
       "The county checks registry changes periodically and records who checked and when"),
    _r("A4-1", Mark.RECORD, "学籍数据应当真实、准确、连续、完整",
       "Registry data are true, accurate, continuous and complete, and this is measured"),
    # 第二章 学籍信息管理
    _r("A5-1", Mark.PRINCIPLE, "原则上不再新建纸质档案，特殊情况可由学籍管理员打印并登记",
       "In principle no new paper archives; a copy for a special case is printed by the registrar and logged",
       "registry-superior"),
    _r("A5-2", Mark.MUST, "学籍统一使用国家系统管理，数据不一致时以国家系统为准",
       "The national system is the register of record and prevails where data differ"),
    _r("A6-1", Mark.MUST, "一人一籍，不得重复建立学籍", "One person has one student record; duplicates are refused"),
    _r("A6-2", Mark.MUST, "籍随人走，学籍在任何时候只由一个单位持有",
       "The record moves with the pupil and has one holder at any time"),
    _r("A6-3", Mark.MUST, "学籍号由系统生成，一人一号，终身不变",
       "The student number is made by the system, one per person, never changed and never reused"),
    _r("A7-1", Mark.MUST, "学籍变动应当及时更新，留存证明材料并经上级核准",
       "Changes are entered promptly with their evidence and reviewed by the registry superior"),
    _r("A7-2", Mark.MUST, "监护人修改基础信息须经学校审核，必要时报上级核准",
       "A guardian's change takes effect after review by the school and, where necessary, the superior"),
    _r("A7-3", Mark.MUST_NOT, "监护人不得直接改写学籍信息，也不得代未核实关系的学生申请",
       "A guardian never edits a record directly, nor acts for a child without a verified link"),
    _r("A8-1", Mark.MUST, "学校合并的，全部学籍一次移交合并后的学校",
       "On a merger all records move to the merged school in one listed and counted act"),
    _r("A8-2", Mark.MUST, "学校撤销的，全部学籍移交主管部门或其指定单位",
       "On closure all records move to the supervising department or the unit it names"),
    # 第三章 学籍建立
    _r("A9-1", Mark.MUST, "入读小学一年级须年满六周岁", "A child entering grade 1 is six full years old"),
    _r("A9-2", Mark.MUST, "学籍信息依据有效身份证件，使用附件1采集表采集",
       "Information is collected from a valid identity document with the form of Annex 1"),
    _r("A9-3", Mark.DEADLINE, "首次办理入学手续后2个月内建立学籍档案",
       "The archive is set up within 2 months of the first enrolment formalities"),
    _r("A9-4", Mark.MUST, "残疾儿童经县级专家委员会评估后安置，由就读或送教学校建籍",
       "A disabled child is placed after the county committee's assessment; the school in charge registers"),
    _r("A9-5", Mark.MUST, "缓学由监护人向户籍所在地县级教育行政部门申请并经批准",
       "Deferral is applied for by the guardian and approved by the county of household registration"),
    _r("A9-6", Mark.DEADLINE, "缓学应当在学年开始前申请", "Deferral is applied for before the school year starts"),
    _r("A9-7", Mark.PRINCIPLE, "缓学期限一般为一学年，期满仍需缓学的重新申请",
       "Deferral normally lasts one school year; after that a new application is needed", "edu-county"),
    _r("A9-8", Mark.MUST, "缓学期间暂缓注册学籍", "A child on deferral has no registered student record"),
    _r("A9-9", Mark.MUST, "延期入学须在开学后10个工作日内向学校申请并提供证明",
       "Late entry is applied for at the school, with evidence, within 10 working days of the start of term"),
    _r("A9-10", Mark.MUST_NOT, "延期入学不得超过两周", "Late entry does not exceed two weeks"),
    _r("A9-11", Mark.DERIVED, "入学信息可取自教育入学一件事，每项数据记明来源",
       "Enrolment data may come from the joint enrolment service; the source of every value is kept"),
    _r("A10-1", Mark.MUST, "新建学籍经上级学籍管理部门批准后生效",
       "A new record takes effect only after the registry superior approves it"),
    _r("A10-2", Mark.MUST_NOT, "不得以虚假信息建立学籍，不得重复建籍",
       "No record is made with false information, and none twice"),
    _r("A11-1", Mark.MUST, "新生在规定班容量内均衡编班，并记录办法和结果",
       "New pupils are spread evenly over classes within the class-size standard, and the result is recorded"),
    _r("A12-1", Mark.MUST, "港澳台和外籍学生凭有效身份证件在录取学校注册学籍",
       "Pupils from outside the mainland register with a valid identity document at the school admitting them"),
    _r("A12-2", Mark.MUST, "高中中外合作办学项目建籍前须经市级教育行政部门确认",
       "For Sino-foreign senior programmes the city confirms before the record is made"),
    _r("A12-3", Mark.MUST, "特殊情况由学校或县级向市级教育行政部门说明并商定",
       "Special cases are explained to the city, settled there and recorded"),
    # 第四章 升学、转学
    _r("A13-1", Mark.DEADLINE, "初中、高中新生按时报到后1个月内转接学籍并编班",
       "Within 1 month of arrival at junior or senior high the record is transferred and the class assigned"),
    _r("A13-2", Mark.MUST, "升学转接学籍以招生政策、招生计划和实际报到为依据",
       "Records move to the next stage by admission policy, admission plan and actual arrival"),
    _r("A14-1", Mark.MUST, "义务教育阶段逾期未报到的启动控辍保学，不得取消学籍",
       "A compulsory-stage pupil who does not arrive becomes a drop-out prevention case and is never cancelled"),
    _r("A14-2", Mark.MUST, "高中逾期未报到的，学校报上级同意后取消入学资格",
       "Senior admission is cancelled for no arrival only with the registry superior's consent"),
    _r("A15-1", Mark.MUST, "以不正当手段取得入学资格的，报主管部门核实后处理",
       "Admission by improper means is reported to the supervising department for verification"),
    _r("A16-1", Mark.PRINCIPLE, "转学一般在学期初15天内受理",
       "Transfers are normally accepted in the first 15 days of a term", "edu-city"),
    _r("A16-2", Mark.MUST, "转学依次由监护人申请、转入校发起、转出校同意、双方上级核办",
       "Guardian applies, receiving school starts, sending school agrees, both superiors decide, in this order"),
    _r("A16-3", Mark.MAY, "市级教育行政部门可以制定本地转学具体办法", "The city may set local rules of transfer"),
    _r("A17-1", Mark.MUST, "转入学校相应年级在规定班容量内须有空余学位",
       "The receiving grade has a free place within the class-size standard"),
    _r("A18-1", Mark.MUST, "义务教育阶段转学须有户籍或居住地变动等证明并符合转入地条件",
       "A compulsory-stage transfer has a proven ground such as a move, and meets the receiving place's conditions"),
    _r("A18-2", Mark.MUST, "转入学校学位已满的，可向转入地县级教育行政部门申请统筹安排",
       "If the school is full, the guardian may ask the county of the receiving place to arrange a school"),
    _r("A18-3", Mark.MUST, "高中转学须户籍跨省、市或县迁移且居住地随迁，转入水平相当的学校",
       "A senior transfer needs household and residence moved to another place, and a comparable school there"),
    _r("A19-1", Mark.DEADLINE, "转学双方学校和双方上级分别在10个工作日内办理",
       "Each school and each registry superior handles its step of a transfer within 10 working days"),
    _r("A19-2", Mark.DEADLINE, "跨省转学的办理期限按国家系统规定执行",
       "A transfer between provinces keeps the period of the national system"),
    _r("A19-3", Mark.MUST, "转出学校留存电子档案备份和必要的纸质材料",
       "The sending school keeps a read-only backup of the archive and the necessary papers"),
    _r("A20-1", Mark.PRINCIPLE, "起始年级第一学期和毕业年级第二学期原则上不办理转学",
       "In principle no transfer in the first semester of a starting or the second of a graduating grade", "edu-city"),
    _r("A20-2", Mark.MUST_NOT, "高中不得在同一县（市、区）或同一招生区域内转学",
       "No senior transfer inside one county or one admission area"),
    _r("A20-3", Mark.PRINCIPLE, "当地高考报名结束后，高中毕业年级原则上不办理转学",
       "In principle no transfer of the senior graduating grade after college-exam registration has closed",
       "edu-city"),
    _r("A20-4", Mark.MUST_NOT, "转学不得变更年级，学制不同的按对应学年衔接",
       "A transfer does not change the grade; years of different school systems map one to one"),
    _r("A20-5", Mark.MUST_NOT, "休学期间不得转学", "No transfer while suspended"),
    _r("A20-6", Mark.MUST_NOT, "受处分期间不得转学", "No transfer while a disciplinary sanction is in force"),
    _r("A21-1", Mark.MUST, "转入民办学校由主管部门和上级学籍管理部门共同审核",
       "Transfer into a private school is decided jointly by supervising department and registry superior"),
    _r("A22-1", Mark.MUST, "普职互转须符合条件、有学位、双方学校同意并经上级核办",
       "Regular-vocational transfer needs conditions met, a place, both schools' consent and the superiors' decision"),
    _r("A22-2", Mark.MUST, "普通高中只能转入三年制中职专业",
       "A regular senior pupil transfers only into a three-year vocational programme"),
    _r("A22-3", Mark.MUST, "普转职限高一下学期末、高二上学期末或高二下学期开学一周内",
       "Transfer to vocational school is open only at the ends of semesters 2 and 3 and in week 1 of semester 4"),
    _r("A22-4", Mark.MUST, "职转普须符合转入学校录取条件并有证明",
       "Transfer from vocational to regular needs proof that the admission conditions are met"),
    _r("A23-1", Mark.MUST, "残疾学生在特教学校与随班就读之间转学由转入校及时办理，不限时段",
       "A disabled pupil's move between special and inclusive schooling is handled promptly, outside all windows"),
    _r("A23-2", Mark.MUST, "残疾学生升级、毕业和升学以专家委员会评估结果为依据",
       "A disabled pupil's promotion, graduation and next stage rest on the committee's assessment"),
    _r("A23-3", Mark.MUST, "降级就读仅限残疾学生，由学校登记并经上级审批",
       "Only a disabled pupil may go down a grade, with the registry superior's approval"),
    _r("A24-1", Mark.MUST, "复学定级由原就读学校和主管部门确定",
       "The grade on return is set by the school attended and its supervising department"),
    _r("A24-2", Mark.MUST, "学籍档案和查询、打印、导出结果只载明规定项目",
       "Archives, views, prints and extracts state only the items provided for"),
    _r("A24-3", Mark.DERIVED, "定级结果由学籍所在学校按统一格式登记",
       "The school holding the record enters the grade set in the uniform form"),
    _r("A25-1", Mark.MUST, "外省转入且已参加学业水平考试的高中生须提供省级证明",
       "A senior pupil examined in another province brings that province's certificate"),
    _r("A26-1", Mark.MUST, "出境学生凭有效证件标注出境，档案交上级学籍管理部门",
       "A pupil going abroad is marked on a valid document, and the archive goes to the registry superior"),
    _r("A26-2", Mark.MUST, "返回后接续原档案，注明出境经历并按学习经历定级",
       "On return the archive is continued, the time abroad marked and the grade set by the learning record"),
    # 第五章 休学、复学
    _r("A27-1", Mark.MUST, "休学限因病需休养达学期总课时三分之一以上或其他不可抗力",
       "Suspension needs illness for at least a third of the term's class hours, or other force majeure"),
    _r("A27-2", Mark.MUST, "休学事由同等适用于义务教育和普通高中阶段",
       "The grounds of suspension apply to the compulsory and the senior stage alike"),
    _r("A27-3", Mark.MUST_NOT, "不得留级", "No pupil repeats a grade"),
    _r("A28-1", Mark.MUST, "休学由监护人填写附件2提出书面申请",
       "The guardian applies for suspension in writing on the form of Annex 2"),
    _r("A28-2", Mark.MUST, "休学须有县级以上医院或公安、民政等部门的证明",
       "Suspension needs proof of a hospital or public department of county level or above"),
    _r("A28-3", Mark.MUST, "休学经学校确认、上级学籍管理部门核准",
       "Suspension is confirmed by the school and reviewed by the registry superior"),
    _r("A28-4", Mark.RECORD, "休学记入电子档案，证明材料附于申请表",
       "Suspension is kept in the electronic archive with its proofs attached to the form"),
    _r("A28-5", Mark.MUST, "因传染病需较长时间隔离的，由学校持医院证明报主管部门核准",
       "For long isolation the school files the hospital's proof to the supervising department; no application"),
    _r("A28-6", Mark.MUST, "休学期间学校保留学籍", "The school keeps the record during suspension"),
    _r("A29-1", Mark.MUST_NOT, "每次申请休学不得超过一年，续休须重新申请",
       "One suspension does not exceed a year; a renewal is a new application"),
    _r("A29-2", Mark.MUST_NOT, "高中阶段累计休学不得超过两年",
       "Suspension in senior high does not exceed two years in total"),
    _r("A30-1", Mark.PRINCIPLE, "小学、初中毕业年级第二学期原则上不办理休学",
       "In principle no suspension in the last semester of primary or junior high", "registry-superior"),
    _r("A30-2", Mark.MUST_NOT, "普通高中毕业年级不得休学", "No suspension in the last grade of senior high"),
    _r("A31-1", Mark.MUST, "复学由监护人填写附件2并附证明向学校申请，学校核准",
       "The guardian applies to the school for resumption on Annex 2 with proofs, and the school reviews it"),
    _r("A31-2", Mark.MUST, "复学只能进入原年级或对应年级",
       "A pupil resumes in the original or the corresponding grade only"),
    _r("A32-1", Mark.DEADLINE, "学生返校后10个工作日内，学校向上级申请复学",
       "The school applies for resumption within 10 working days of the pupil's return"),
    _r("A32-2", Mark.DEADLINE, "上级学籍管理部门在10个工作日内审核复学",
       "The registry superior reviews a resumption within 10 working days"),
    _r("A33-1", Mark.MUST, "休学期满1个月未复学或续休的，小初控辍保学，高中备案后自行退学",
       "A month after expiry: compulsory stage, drop-out prevention; senior high, withdrawal once filed"),
    _r("A33-2", Mark.MUST_NOT, "义务教育阶段休学期满不得按退学处理",
       "An expired suspension never becomes a withdrawal in the compulsory stage"),
    # 第六章 退学
    _r("A34-1", Mark.MUST_NOT, "义务教育阶段不得办理退学", "No withdrawal in the compulsory stage"),
    _r("A34-2", Mark.MUST_NOT, "义务教育学校不得开除或劝退学生",
       "A compulsory-stage school neither expels a pupil nor persuades one to leave"),
    _r("A35-1", Mark.DEADLINE, "高中生一学期旷课连续超8周或累计10周以上，多次联系无效，按自行退学",
       "Senior absence over 8 weeks running or 10 in total, contacts without effect, counts as withdrawal"),
    _r("A35-2", Mark.MUST, "高中生累计休学超过两年仍不能复学的，可以退学",
       "A senior pupil still unfit after two years of suspension may be withdrawn"),
    _r("A35-3", Mark.MUST, "高中生因重病或意外伤害退学须有县级以上证明",
       "Withdrawal for serious illness or accident needs proof of county level or above"),
    _r("A35-4", Mark.MUST, "高中生可由监护人申请退学", "A senior pupil may be withdrawn on the guardian's application"),
    _r("A36-1", Mark.MUST, "退学由监护人填写附件3书面申请，自行退学除外",
       "The guardian applies for withdrawal on Annex 3, except where the pupil left without applying"),
    _r("A36-2", Mark.MUST, "退学经学校确认后报上级学籍管理部门备案",
       "Withdrawal is confirmed by the school and then filed with the registry superior"),
    _r("A36-3", Mark.DEADLINE, "退学手续办结后10个工作日内在系统中标注",
       "A withdrawal is marked in the system within 10 working days of its completion"),
    _r("A36-4", Mark.DERIVED, "成年学生退学仍由监护人申请，学生可以共同申请",
       "An adult pupil's withdrawal still needs the guardian's form; the pupil may apply jointly"),
    _r("A37-1", Mark.DEADLINE, "学生死亡的，学校在60个工作日内报上级注销学籍",
       "A death is reported within 60 working days to the superior, who cancels the record"),
    # 第七章 毕业、结业、肄业
    _r("A38-1", Mark.MUST, "小学、初中学生学习期满即毕业，证书由主管部门颁发",
       "Primary and junior pupils graduate on finishing; the supervising department issues the certificate"),
    _r("A38-2", Mark.MUST_NOT, "义务教育阶段不得按结业或肄业处理",
       "No completion or incomplete status in the compulsory stage"),
    _r("A39-1", Mark.MUST, "高中毕业须同时满足规定的全部条件", "Senior graduation needs all seven conditions together"),
    _r("A40-1", Mark.MUST, "高中毕业证书由市级颁发，省直管学校由省级颁发",
       "The city issues senior graduation certificates; the province does for schools it manages"),
    _r("A41-1", Mark.MUST, "高中学习期满未达到毕业条件的，按结业处理",
       "A senior pupil who finishes without meeting the conditions gets completion"),
    _r("A41-2", Mark.MUST, "高中退学或其他提前终止学业的，按肄业处理",
       "A senior pupil who withdraws or ends early gets incomplete status"),
    _r("A41-3", Mark.MUST, "结业（肄业）证明书由学校颁发",
       "The school issues the certificate of completion or incomplete study"),
    _r("A42-1", Mark.MUST, "学籍管理员标注毕业、结业、肄业，上级审核后方可发证",
       "The registrar classifies the leavers, and the superior reviews before any certificate is issued"),
    _r("A43-1", Mark.MAY, "可以颁发电子证书，与纸质证书具有同等效力",
       "Electronic certificates may be issued and are equal in force to paper"),
    _r("A43-2", Mark.MUST_NOT, "毕业证书遗失不补发，学校出具学历证明书，经主管部门验印生效",
       "A lost certificate is not re-issued; the school's attestation takes effect once stamped"),
    _r("A43-3", Mark.DERIVED, "证书编号唯一，作废后不得再用",
       "A certificate number is unique per issuer and never reused"),
    # 第八章 奖励、处分
    _r("A44-1", Mark.MUST, "校级以上奖励记入学籍档案", "Awards at school level or above are recorded"),
    _r("A45-1", Mark.MUST, "记过及以上处分记入学籍档案", "Sanctions of demerit or above are recorded in the archive"),
    _r("A45-2", Mark.MUST_NOT, "警告、严重警告和教育惩戒不记入学籍档案",
       "Warnings and lesser educational measures are not written to the archive"),
    _r("A45-3", Mark.MUST_NOT, "学籍档案不记载规定以外的事项",
       "The archive records nothing beyond the matters provided for"),
    _r("A45-4", Mark.DERIVED, "处分须有起止或撤销日期，处分和休学事由不对外提供",
       "A sanction has a start and an end; sanctions and reasons of suspension are never shared"),
    # 第九章 保障措施
    _r("A48-1", Mark.MUST, "部门和公办学校的学籍管理员为在编人员，民办学校指定专人",
       "Registrars of departments and public schools are established staff; private schools name one"),
    _r("A48-2", Mark.MUST, "学籍管理员须报上级教育行政部门备案，并在系统中登记更新",
       "A registrar is filed with the superior department and kept up to date in the system"),
    _r("A48-3", Mark.MUST, "学籍管理员先培训后上岗", "A registrar is trained before taking up the post"),
    _r("A48-4", Mark.RECORD, "学籍管理员变动须登记并办理交接", "A change of registrar is recorded with its hand-over"),
    _r("A49-1", Mark.MUST, "每学期开学1个月后，学校至少核准一次学籍",
       "Each school verifies its register at least once a term, from one month after the start"),
    _r("A49-2", Mark.MUST, "人籍分离和空挂学籍须立案处理",
       "A pupil apart from the record, or a record without a pupil, becomes a case with an owner and an end"),
    _r("A50-1", Mark.MUST, "部门和学校须建立安全制度并明确责任人",
       "Every department and school has security rules and a named responsible person"),
    _r("A50-2", Mark.MUST, "账户密码须定期更改", "Passwords are changed periodically"),
    _r("A50-3", Mark.MUST, "半年以上未使用的账户予以封存", "An account unused for half a year or more is sealed"),
    _r("A50-4", Mark.MUST, "使用数据须遵守规定，按最小权限，查阅留痕",
       "Users obey the data-use rules: least privilege, stated purpose, every read logged"),
    _r("A50-5", Mark.MUST_NOT, "无法律法规规定且未经县级以上政府批准，不得对外提供学生信息",
       "No pupil information goes outside without a law or a county-or-higher government's approval"),
    _r("A50-6", Mark.MUST, "依法律法规提供的，记明名称、条款、依据、认定人和日期",
       "A release by law records the law, article, text relied on, who determined it and when"),
    _r("A50-7", Mark.MUST, "经政府批准提供的，记明批准机关、文号、范围和有效期等",
       "A release by approval records the approving government, document number, scope and validity"),
    _r("A50-8", Mark.MUST, "对外提供的数据必须脱敏或匿名化", "Released data are always desensitized or anonymized"),
    _r("A50-9", Mark.MUST, "数据使用不得超出申请使用范围", "Use stays within the scope applied for"),
    _r("A50-10", Mark.MUST, "谁批准、谁负责，每条提供记录可追溯到责任人",
       "Who approves is responsible: every released record leads to ground, approver, executor and recipient"),
    _r("A50-11", Mark.DERIVED, "申请、批准、执行须由不同人员承担",
       "Applicant, approver and executor are different people"),
    _r("A50-12", Mark.DERIVED, "批准到期或撤销的，立即停止提供并要求确认删除",
       "An expired or revoked approval stops deliveries at once, and deletion is to be confirmed"),
    _r("A50-13", Mark.DERIVED, "拒绝的访问与准许的访问同样留痕", "A refused access is recorded like a granted one"),
    _r("A50-14", Mark.MUST, "数字身份只披露经批准的属性，不含明文身份信息",
       "A digital identity shows approved attributes only and no identifying data in clear"),
    _r("A50-15", Mark.MUST, "数字身份仅在学籍有效期间有效", "A digital identity is valid only while the record is"),
    _r("A50-16", Mark.MUST, "各级教育行政部门须建立预警机制", "Every education department has an alert mechanism"),
    # 适用
    _r("A52-1", Mark.MUST, "外籍和港澳台学生参照本细则执行",
       "The rules apply analogously to foreign pupils and those from Hong Kong, Macao and Taiwan"),
    _r("A53-1", Mark.MUST, "本细则自2026年2月10日起施行，有效期5年", "The rules apply from 2026-02-10 for five years"),
    # 学籍状态
    _r("S-1", Mark.MUST, "一人至多有一个未终结的学籍", "One person has at most one record that is not final"),
    _r("S-2", Mark.MUST, "学籍号在各种状态和学校之间保持不变",
       "A record keeps its student number through all states and schools"),
    _r("S-3", Mark.MUST_NOT, "不得办理状态表以外的学籍变动", "No change of state outside the table of states"),
    _r("S-4", Mark.RECORD, "每次变动记明发生和登记日期、人员、依据、材料和审批",
       "Every change keeps its dates, person, legal ground, evidence and approval"),
    _r("S-5", Mark.MUST_NOT, "已终结的学籍不得改写，更正须另行登记并经批准",
       "A final record is not edited; a correction is a new, approved entry beside the old value"),
    # 期间计算
    _r("T-1", Mark.DERIVED, "期间开始当日不计入，自次日起算",
       "The day of the event is not counted; counting starts the next day"),
    _r("T-2", Mark.DERIVED, "工作日不含周末和法定节假日，调休上班日计入",
       "Working days exclude weekends and holidays and include swapped working days"),
    _r("T-3", Mark.DERIVED, "按月、年计算的期间到期月对应日届满，无对应日的为月末日",
       "A period of months or years ends on the same day number, or the last day of the month"),
    _r("T-4", Mark.DERIVED, "期间最后一日为法定休息日的，顺延至下一工作日",
       "A period whose last day is a day off ends on the next working day"),
    _r("T-5", Mark.DERIVED, "以上、以内、不超过包括本数，超过、不满不包括本数",
       "At least, within and not more than include the number; over and under exclude it"),
    _r("T-6", Mark.DERIVED, "日期以北京时间为准，期限最后一日24时前办理均为按时",
       "Dates are those of Asia/Shanghai; a deadline is met until the end of its last day"),
    _r("T-7", Mark.DERIVED, "所在年份节假日安排未公布的，期限暂定，公布后重算",
       "A deadline in a year without a published holiday notice is provisional and is recomputed"),
)
# fmt: on

REGULATION: Mapping[str, Regulation] = MappingProxyType({entry.id: entry for entry in _RULES})
"""Every rule by its id."""
