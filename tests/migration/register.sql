-- Moves the rows of ru-cyr-sqlite, loaded beside, into a platform of another schema; {MOMENT} is the engine's word for a
-- time without a zone. Ids are new, names are put together or taken apart, phones become E.164, marks become numbers.
CREATE TABLE residences (residence_no INTEGER PRIMARY KEY, old_no INTEGER NOT NULL UNIQUE, locality VARCHAR(60) NOT NULL, street VARCHAR(60) NOT NULL, building VARCHAR(20) NOT NULL);
CREATE TABLE documents (document_no INTEGER PRIMARY KEY, old_no INTEGER NOT NULL UNIQUE, passport VARCHAR(20) NOT NULL);
CREATE TABLE employees (employee_no INTEGER PRIMARY KEY, full_name VARCHAR(160) NOT NULL, phone VARCHAR(16) NOT NULL UNIQUE);
CREATE TABLE persons (person_no INTEGER PRIMARY KEY, family_name VARCHAR(120) NOT NULL, given_name VARCHAR(60) NOT NULL, patronymic VARCHAR(60), phone VARCHAR(16) NOT NULL, residence_no INTEGER NOT NULL, passport_record INTEGER, changed_on DATE NOT NULL);
CREATE TABLE person_origins (person_no INTEGER PRIMARY KEY, old_no INTEGER NOT NULL UNIQUE);
CREATE TABLE enrolments (enrolment_no INTEGER PRIMARY KEY, person_no INTEGER NOT NULL UNIQUE, school VARCHAR(8) NOT NULL);
CREATE TABLE subjects (subject_no INTEGER PRIMARY KEY, old_no INTEGER NOT NULL UNIQUE, title VARCHAR(60) NOT NULL);
CREATE TABLE grades (grade_no INTEGER PRIMARY KEY, old_no INTEGER NOT NULL, person_no INTEGER NOT NULL, subject_no INTEGER NOT NULL, employee_no INTEGER NOT NULL, held_at {MOMENT} NOT NULL, score INTEGER NOT NULL, remark VARCHAR(60) NOT NULL);

INSERT INTO residences SELECT 5000 + "id_адрес", "id_адрес", "Город", "Улица", CASE WHEN "Квартира" IS NULL OR "Квартира" = '' THEN "Дом" ELSE "Дом" || '/' || "Квартира" END FROM "Адрес";
INSERT INTO documents SELECT 7000 + "id_паспортных_данных", "id_паспортных_данных", "серия" || ' ' || "номер" FROM "Паспортные_данные";
INSERT INTO employees SELECT 100 + 3 * "id_учителя", "Фамилия" || ' ' || "Имя" || CASE WHEN "Отчество" IS NULL THEN '' ELSE ' ' || "Отчество" END, '+' || "Контактный_телефон" FROM "Учитель";
INSERT INTO persons SELECT 10000 + 7 * "id_ученика", "Фамилия_ученика", "Имя_ученика", "Отчество_ученика", '+' || "Контактный_телефон_ученика", 5000 + "id_адрес", "id_паспортных_данных", '2026-09-01' FROM "Ученик";
INSERT INTO person_origins SELECT 10000 + 7 * "id_ученика", "id_ученика" FROM "Ученик";
INSERT INTO enrolments SELECT "id_ученика", 10000 + 7 * "id_ученика", '77-0001' FROM "Ученик";
INSERT INTO subjects SELECT 30 + "id_дисциплина", "id_дисциплина", "Наименование_дисциплины" FROM "Дисциплина";
INSERT INTO grades SELECT 90000 + m."id_успеваемость", m."id_успеваемость", 10000 + 7 * m."id_ученик", 30 + m."id_дисциплина", 100 + 3 * m."id_учителя", m."Дата", CASE s."Наименование_оценки" WHEN '5' THEN 5 WHEN '4' THEN 4 WHEN '3' THEN 3 WHEN '2' THEN 2 WHEN 'зачёт' THEN 1 ELSE 0 END, CASE m."Присутствие_на_занятии" WHEN 'present' THEN 'присутствовал' WHEN 'late' THEN 'опоздал' WHEN 'excused' THEN 'отсутствовал по уважительной причине' ELSE 'отсутствовал без причины' END FROM "Успеваемость" m JOIN "Оценка" s ON s."id_оценка" = m."id_оценка";
-- Another school of the same platform, which is none of the case's business.

INSERT INTO persons VALUES (1, 'Соседкина', 'Ульяна', NULL, '+79000000077', 5001, NULL, '2026-09-01');
INSERT INTO person_origins VALUES (1, 900001);
INSERT INTO enrolments VALUES (900001, 1, '77-0002');

DROP TABLE "Успеваемость";
DROP TABLE "Ученик";
DROP TABLE "Учитель";
DROP TABLE "Адрес";
DROP TABLE "Паспортные_данные";
DROP TABLE "Дисциплина";
DROP TABLE "Оценка";
