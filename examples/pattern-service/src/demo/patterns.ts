/** What people might ask for: common misspellings, crosswords with gaps, beginnings and endings. */
export const patterns: readonly string[] = `
  recieve seperate definately occured untill wierd freind goverment begining beleive acheive accross adress calender
  cemetary concious embarass existance foriegn gaurd harrass independant knowlege liason maintainance neccessary
  ocasion persue rythm suprise tommorow vaccum

  colo*r q??en c?ffee s????y b?tt?r ?a?a?a p?zz?e ??zz??

  *ology un*able photo* *phobia micro*scope over*ing anti*ism *qua* re*tion tele*
`
  .trim()
  .split(/\s+/)
